"""-ln sigma(margin): DPO (Rafailov et al. 2023, eq. 7). TRL's own computes it where pairs have no weights."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812

COLUMNS = ()


def loss(margin: torch.Tensor, columns: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Loss of each pair. Shape (B,)."""
    return -F.logsigmoid(margin)
