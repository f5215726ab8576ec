"""DPO with TRL and LoRA; the reference is the same model with the adapter switched off."""

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import Train
from realign.models.adapter import RECORD
from realign.models.chat import inert_turns
from realign.store import ids, schemas
from realign.store.ids import load_messages
from realign.store.work import Work
from realign.training.objective import objective


def train_dpo(
    model: Any,
    tokenizer: Any,
    preferences: pd.DataFrame,
    settings: Train,
    *,
    seed: int,
    checkpoints: Path,
) -> tuple[Any, pd.DataFrame]:
    """Train a LoRA adapter on preferences (Rafailov et al. 2023, eq. 7, for loss_type sigmoid).

    The number of steps follows from the data, so the learning rate reaches its end with the data.

    Args:
        model: the base policy.
        tokenizer: with a chat template.
        preferences: the preferences table, in the order of its key.
        settings: beta, losses, optimizer, LoRA.
        seed: for the order of the data and the initial weights of the adapter.
        checkpoints: a folder of this training alone.

    Returns:
        The trained PEFT model and the curve table.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    from realign.training.common import arguments, resume

    ours = objective(settings, preferences)
    data = Dataset.from_dict(
        {
            "prompt": [inert_turns(tokenizer, load_messages(text)) for text in preferences["messages"]],
            **{
                side: [
                    inert_turns(tokenizer, [{"role": "assistant", "content": t}]) for t in preferences[side]
                ]
                for side in ("chosen", "rejected")
            },
            **(ours.columns if ours else {}),
        }
    )
    lora = settings.lora
    config = DPOConfig(
        **arguments(checkpoints, seed),
        beta=settings.beta,
        **({} if ours else {"loss_type": list(settings.loss_type), "loss_weights": settings.loss_weights}),
        label_smoothing=settings.label_smoothing,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_share,
        max_length=settings.max_length,
        precompute_ref_log_probs=True,
        logging_steps=1,
        save_steps=settings.checkpoint_every,
    )
    trainer_class: Any = DPOTrainer
    if ours:
        from realign.training.pair_trainer import PairTrainer

        trainer_class = functools.partial(PairTrainer, ours)
    trainer = trainer_class(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
            task_type="CAUSAL_LM",
        ),
    )
    resume(trainer, checkpoints, "train")
    return trainer.model, _curve(trainer.state.log_history)


def trained_adapter(
    base: Path, preferences: pd.DataFrame, settings: Train, seed: int, work: Work
) -> tuple[Path, Path, pd.DataFrame]:
    """Train on a base's folder, from the last whole checkpoint of the same training if there is one.

    Returns:
        A scratch folder with the adapter, the folder of the checkpoints, and the curve table.
    """
    from realign.models.load import load_causal

    digest = ids.folder_digest(base)
    options = settings.model_dump_json(exclude={"checkpoint_every"})
    fingerprint = ids.digest(digest, preferences.to_json(orient="split"), options, str(seed))
    checkpoints = work.checkpoints(fingerprint, "realign.training.dpo")
    model, tokenizer = load_causal(base)
    model, curve = train_dpo(model, tokenizer, preferences, settings, seed=seed, checkpoints=checkpoints)
    folder = work.scratch()
    save_adapter(model, folder, settings, digest)
    return folder, checkpoints, curve


def save_adapter(model: Any, folder: Path, settings: Train, base: str) -> None:
    """Save the adapter: the same training gives the same bytes, and no path is in them.

    Args:
        model: the trained PEFT model.
        folder: where to.
        settings: what it was trained with.
        base: the digest of the base's folder.
    """
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "models/base"
    if isinstance(config["target_modules"], list):
        config["target_modules"] = sorted(config["target_modules"])  # a set's order follows the hash seed
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    record = {
        "base": base,
        "beta": settings.beta,
        "loss_type": list(settings.loss_type),
        "max_length": settings.max_length,
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _curve(history: list[dict[str, Any]]) -> pd.DataFrame:
    steps = pd.DataFrame([row for row in history if "loss" in row]).drop_duplicates("step", keep="last")
    curve = steps.rename(
        columns={"rewards/margins": "reward_margin", "rewards/accuracies": "reward_accuracy"}
    )
    return curve.reindex(columns=schemas.CURVE.names).astype(
        dict.fromkeys(schemas.CURVE.names[1:], "float64")
    )
