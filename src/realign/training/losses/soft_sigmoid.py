"""-p ln sigma(margin) - (1 - p) ln sigma(-margin): a pair counts in both directions, by its labeler's probability p.

DPO's eq. 7 at p = 1; conservative DPO (Mitchell 2023, eq. 3) with a probability for each pair instead of one for all.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812

COLUMNS = ("p_chosen",)


def loss(margin: torch.Tensor, columns: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Loss of each pair. Shape (B,)."""
    p = columns["p_chosen"]
    return -(p * F.logsigmoid(margin) + (1 - p) * F.logsigmoid(-margin))
