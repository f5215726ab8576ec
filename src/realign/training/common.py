"""What supervised training and DPO share: arguments, progress, and checkpoints that are known to be complete."""

from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from realign.models.load import has_bf16
from realign.progress import progress
from realign.store.ids import digest, file_digest

_MARK = "COMPLETE"


def arguments(folder: Path, seed: int) -> dict[str, Any]:
    """Trainer arguments of every training: no telemetry, and what changes numbers is not left to a library default."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "seed": seed,
        "data_seed": seed,
        "report_to": "none",
        "use_cpu": not cuda,
        "bf16": has_bf16(),
        "gradient_checkpointing": cuda,
        "dataloader_pin_memory": cuda,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.0,
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_total_limit": 2,
        "logging_strategy": "steps",
    }


class Watch(TrainerCallback):  # type: ignore[misc]
    """Shows progress, and marks a checkpoint as complete once all of it is on disk."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the bar."""
        self._bar = progress(state.max_steps, self._what, "steps", done=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        self._bar.update(1)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Show the loss."""
        if self._bar is not None and logs and "loss" in logs:
            self._bar.set_postfix_str(f"loss {float(logs['loss']):.3f}", refresh=False)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint, but not the last one: a trainer resumed there takes one step too many."""
        if state.global_step < state.max_steps:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / _MARK).write_text(_content(folder), encoding="utf-8")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the bar."""
        self._bar.close()


def resume(trainer: Any, checkpoints: Path, what: str) -> None:
    """Train, from the newest complete checkpoint if there is one, with a progress bar labeled `what`."""
    trainer.remove_callback(PrinterCallback)  # the bar shows the loss
    trainer.add_callback(Watch(what))
    trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))


def last_checkpoint(folder: Path) -> str | None:
    """The newest complete checkpoint that is as it was written, None without one; an interrupted one has no mark."""
    for mark in sorted(folder.glob(f"checkpoint-*/{_MARK}"), key=_step, reverse=True):
        if mark.read_text(encoding="utf-8", errors="replace") == _content(mark.parent):
            return str(mark.parent)
    return None


def _step(mark: Path) -> int:
    return int(mark.parent.name.split("-")[1])


def _content(checkpoint: Path) -> str:
    """The digest of every file but the mark, which holds it."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != _MARK)
    return digest(*(part for path in files for part in (path.name, file_digest(path))))
