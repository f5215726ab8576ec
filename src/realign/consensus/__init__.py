"""What people say together: consensus, how far they agree, who is reliable, what is in dispute."""

from realign.consensus.measures import against_known, agreement, alpha, disputes, self_agreement
from realign.consensus.models import aggregate, reliability

__all__ = [
    "against_known",
    "aggregate",
    "agreement",
    "alpha",
    "disputes",
    "reliability",
    "self_agreement",
]
