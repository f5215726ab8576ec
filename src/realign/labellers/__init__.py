"""Labellers: who says which response of a pair is better.

A labeller is a function from pairs to verdicts. To add one: a file with the function, a line in
`machines.py`, its name in `core.params.MachineLabeller` and params.yaml.
"""

from __future__ import annotations

from realign.labellers.cascade import cascade
from realign.labellers.machines import MACHINES, Labeller
from realign.labellers.people import human

LABELLERS: dict[str, Labeller] = {**MACHINES, "human": human, "cascade": cascade}
