"""Consensus of people's votes, how well people agree, and what is in dispute."""

from realign.labelers.human.consensus.measures import (
    against_known,
    agreement,
    alpha,
    disputes,
    self_agreement,
)
from realign.labelers.human.consensus.models import aggregate

__all__ = ["against_known", "aggregate", "agreement", "alpha", "disputes", "self_agreement"]
