"""Selection strategies: which pairs are worth a label.

A strategy is a pure function from the candidate pairs to a number for each; the smallest comes
first. To add one: a file with the function, in `strategies/` here or in the project's folder
`strategies/`, and its name in params.yaml.
"""

from realign.selection.choose import Picks, choose, pick
from realign.selection.registry import (
    MIX,
    Strategy,
    named,
    needing,
    parts,
    pilot_problem,
    refuse,
    registry,
)  # fmt: skip

__all__ = [
    "MIX",
    "Picks",
    "Strategy",
    "choose",
    "named",
    "needing",
    "parts",
    "pick",
    "pilot_problem",
    "refuse",
    "registry",
]
