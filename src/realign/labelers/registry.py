"""Labelers: who says which response of a pair is better.

A labeler is a function from pairs to verdicts. To add one: a file with the function, a line in
`machines.py`, its name in `core.params.MachineLabeler` and params.yaml.
"""

from __future__ import annotations

from realign.labelers.cascade import cascade
from realign.labelers.human.labeler import human
from realign.labelers.machines import MACHINES, Labeler

LABELERS: dict[str, Labeler] = {**MACHINES, "human": human, "cascade": cascade}
