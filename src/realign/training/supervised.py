"""Supervised training with TRL: of a model built here, or SFT of a loaded one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from realign.config.params import Supervised
from realign.models.chat import inert_turns
from realign.store.ids import Message


def train_supervised(
    model: Any,
    tokenizer: Any,
    examples: Sequence[tuple[list[Message], str]],
    settings: Supervised,
    *,
    seed: int,
    checkpoints: Path,
    what: str,
) -> Any:
    """Train `model` on the answers of (conversation, answer) examples, in place.

    Continues from the last complete checkpoint in `checkpoints`.

    Args:
        model: a causal language model.
        tokenizer: with a chat template.
        examples: conversations with the answer to learn.
        settings: steps, batch size, learning rate, length.
        seed: order of the data.
        checkpoints: a folder of this training alone.
        what: label of the progress bar.

    Returns:
        The trained model.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from realign.training.common import arguments, resume

    data = Dataset.from_dict(
        {
            "prompt": [inert_turns(tokenizer, messages) for messages, _ in examples],
            "completion": [
                inert_turns(tokenizer, [{"role": "assistant", "content": text}]) for _, text in examples
            ],
        }
    )
    config = SFTConfig(
        **arguments(checkpoints, seed),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=min(20, settings.steps // 10),
        max_length=settings.max_length,
        completion_only_loss=True,
        packing=False,
        logging_steps=20,
        save_steps=max(50, settings.steps // 4),
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
    )
    resume(trainer, checkpoints, what)
    return trainer.model
