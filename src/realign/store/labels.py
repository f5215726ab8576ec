"""What a labeler can say of a pair, in one enum, and what each label is worth as a number."""

from enum import StrEnum


class Label(StrEnum):
    """A label of one pair."""

    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    ABSTAIN = "abstain"

    @property
    def p_a(self) -> float:
        """The probability that a is better, where the label is all that is known; 2 p - 1 is its target."""
        return {Label.A: 1.0, Label.B: 0.0}.get(self, 0.5)


SIDES = (Label.A.value, Label.B.value)
TIES = (Label.TIE.value, Label.BOTH_BAD.value)
OUTCOMES = SIDES + TIES
"""Every label but an abstention."""
P_A = {name: Label(name).p_a for name in OUTCOMES}

OVER_BUDGET, NO_LABEL = "over_budget", "no_label"
"""In place of a label: the budget does not pay for the pair, or nobody knows anything of it."""
