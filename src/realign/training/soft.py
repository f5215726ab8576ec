"""DPO on soft labels: each pair counts in both directions, by how sure its labeler is."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

_COLUMN = "p_chosen"


class SoftCollator(DataCollatorForPreference):  # type: ignore[misc]
    """TRL's batch, and the probability that each chosen response is better."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The batch of these rows."""
        batch: dict[str, Any] = super().torch_call(examples)
        batch[_COLUMN] = torch.tensor([float(example[_COLUMN]) for example in examples])
        return batch


class SoftDPOTrainer(DPOTrainer):  # type: ignore[misc]
    """-p ln sigma(beta D) - (1 - p) ln sigma(-beta D), D the difference of log-ratios: DPO's eq. 7 at p = 1.

    Needs reference log-probabilities that were computed before. TRL's own loss has no seam between
    D and the loss, so the whole step stands here.
    """

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = list(dict.fromkeys([*self._signature_columns, _COLUMN]))  # type: ignore[has-type]

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """The reference knows no p: the model would swallow the column without a word."""
        return super().compute_ref_log_probs(model, {k: v for k, v in inputs.items() if k != _COLUMN})

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        p = inputs[_COLUMN]
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=labels,
            fused_lm_head=True,
            use_cache=False,
        )
        chosen, rejected = outputs.log_probs.sum(1).chunk(2)
        margin = self.beta * (chosen - inputs["ref_chosen_logps"] - rejected + inputs["ref_rejected_logps"])
        loss = -(p * F.logsigmoid(margin) + (1 - p) * F.logsigmoid(-margin)).mean()
        seen = self.accelerator.gather(margin.detach())
        log = self._metrics["train" if self.model.training else "eval"]
        log["rewards/margins"].append(seen.mean().item())
        log["rewards/accuracies"].append((seen > 0).float().mean().item())
        return (loss, outputs) if return_outputs else loss
