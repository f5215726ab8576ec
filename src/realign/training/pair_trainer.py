"""TRL's DPO trainer with a loss of ours (realign.training.losses) and a weight for each pair."""

from dataclasses import dataclass
from typing import Any

import torch
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from realign.training.objective import WEIGHT, Objective


@dataclass
class PairCollator(DataCollatorForPreference):  # type: ignore[misc]
    """TRL's batch, and these columns of it as float tensors of shape (B,)."""

    columns: tuple[str, ...] = ()

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The batch of these rows."""
        batch: dict[str, Any] = super().torch_call(examples)
        return batch | {
            name: torch.tensor([float(example[name]) for example in examples]) for name in self.columns
        }


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """Minimizes mean(weight * loss(margin, columns)), margin = beta * (ln pi/ref of chosen - ln pi/ref of rejected).

    Needs reference log-probabilities that were computed before. TRL has no seam between the margin and the mean of
    the loss, so the whole step stands here.
    """

    def __init__(self, objective: Objective, args: Any, processing_class: Any, **options: Any) -> None:
        self._objective = objective
        self._columns = tuple(objective.columns)
        collator = PairCollator(processing_class.pad_token_id, args.max_length, columns=self._columns)
        super().__init__(args=args, processing_class=processing_class, data_collator=collator, **options)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = list(dict.fromkeys([*self._signature_columns, *self._columns]))  # type: ignore[has-type]

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """The reference's log-probabilities; TRL would hand our columns to the model, which ignores them silently."""
        return super().compute_ref_log_probs(
            model, {k: v for k, v in inputs.items() if k not in self._columns}
        )

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
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
        losses = self._objective.loss(margin, {name: inputs[name] for name in self._columns})
        loss = (inputs[WEIGHT] * losses).mean()
        margins = self.accelerator.gather(margin.detach())
        log = self._metrics["train" if self.model.training else "eval"]
        log["rewards/margins"].append(margins.mean().item())
        log["rewards/accuracies"].append((margins > 0).float().mean().item())
        return (loss, outputs) if return_outputs else loss
