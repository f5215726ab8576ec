"""Loading models: safetensors only, no code of theirs, pinned by revision, one clear line when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realign.config.params import Model, Section
from realign.errors import UserError, listing
from realign.store import ids
from realign.store.hub import snapshot

if TYPE_CHECKING:
    import torch

# Said each time: left open, transformers asks a person at the terminal whether to run a model's code.
_PLAIN: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def device() -> torch.device:
    """The accelerator, where there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16() -> bool:
    """Whether the hardware computes in bfloat16 itself."""
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())


def pinned(model: Model, key: str) -> Path:
    """The local folder of a model that params.yaml names: a folder, or a hub name in the cache.

    Args:
        model: name and revision. A folder's revision is the digest of its content.
        key: where it stands in params.yaml, for messages.

    Raises:
        UserError: unknown name, wrong revision, or weights that are not safetensors.
    """
    name, revision = str(model.name), model.revision or ""
    folder = (
        _checked_folder(Path(name), revision, key)
        if model.is_folder
        else snapshot(name, revision, "model", key)
    )
    if not list(folder.rglob("*.safetensors")):
        raise UserError(
            f"{key}: {name} has no .safetensors weights; other formats can run code and are not loaded",
            code="model.no_safetensors",
        )
    return folder


def check_folders(params: Section) -> None:
    """Refuse folders of models that params.yaml names without their revision.

    Raises:
        UserError: names each one's digest, which is its revision.
    """
    problems = []
    for key, model in _models(params, ""):
        if model.is_folder and not model.revision:
            try:
                pinned(model, key)
            except UserError as error:
                problems.append(str(error))
    if problems:
        raise UserError(listing("a model's folder needs its revision:", problems), code="model.no_revision")


def _models(section: Section, under: str) -> Iterator[tuple[str, Model]]:
    """Every model that params.yaml names, with its dotted key."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Model):
            yield under + name, value
        elif isinstance(value, Section):
            yield from _models(value, f"{under}{name}.")


def _checked_folder(folder: Path, revision: str, key: str) -> Path:
    """A folder whose content is what params.yaml says.

    Raises:
        UserError: it is not there, or holds something else; the message names its digest.
    """
    if not folder.is_dir():
        raise UserError(f"{key}: there is no folder {folder}", code="model.no_folder")
    content = ids.folder_digest(folder)
    if content != revision:
        raise UserError(
            f"{key}: the folder {folder} has revision {content}, params.yaml says {revision or 'none'}. If the folder "
            f"is what you want, set {key}.revision={content}",
            code="model.other_revision",
        )
    return folder


def load_causal(folder: Path, key: str = "base") -> tuple[Any, Any]:
    """A causal language model in evaluation mode on its device, and its tokenizer (left padding).

    Raises:
        UserError: the folder holds no such model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    with _in_one_line(key, f"{folder.name} is not a causal language model"):
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", **_PLAIN)
        model = _whole(AutoModelForCausalLM, folder, dtype=torch.bfloat16 if has_bf16() else torch.float32)
    # What a model recommends for generation would fill every setting that a run leaves open.
    model.generation_config = GenerationConfig()
    return model, tokenizer


def load_policy(base: Path, adapter: Path, key: str = "adapter") -> tuple[Any, Any]:
    """The base with its adapter, and the tokenizer; `with model.disable_adapter()` is the reference.

    Raises:
        UserError: the folder holds no adapter that fits the base.
    """
    from peft import PeftModel

    model, tokenizer = load_causal(base)
    with _in_one_line(key, f"{adapter.name} is not an adapter of this base"):
        return PeftModel.from_pretrained(model, adapter).eval(), tokenizer


def window(model: Any, most: int) -> int:
    """Tokens that a model reads at once, as its configuration says, and never more than `most`."""
    return min(most, getattr(model.config, "max_position_embeddings", most))


def load_reward(model: Model) -> tuple[Any, Any]:
    """A sequence classification model with one output, and its tokenizer.

    Raises:
        UserError: it cannot be loaded, or has more than one output.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = pinned(model, "label.reward_model")
    with _in_one_line("label.reward_model", f"{model.name} is no sequence classifier"):
        tokenizer = AutoTokenizer.from_pretrained(folder, **_PLAIN)
        reward = _whole(AutoModelForSequenceClassification, folder)
    if reward.config.num_labels != 1:
        raise UserError(
            f"label.reward_model: {model.name} has {reward.config.num_labels} outputs, a reward has one",
            code="model.not_a_reward",
        )
    return reward, tokenizer


def _whole(kind: Any, folder: Path, **options: Any) -> Any:
    """A model in evaluation mode on its device.

    Raises:
        ValueError: weights are missing, which transformers would fill with random numbers.
    """
    model, loading = kind.from_pretrained(
        folder, use_safetensors=True, output_loading_info=True, **_PLAIN, **options
    )
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise ValueError(f"{len(missing)} weights are missing, {missing[0]} first")
    return model.eval().to(device())


@contextmanager
def _in_one_line(key: str, what: str) -> Iterator[None]:
    """Says in one line what a loading library says in many ways."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if "trust_remote_code" in str(error):
            raise UserError(
                f"{key}: {what}: it brings code of its own, which is never run; name a model of an "
                "architecture that transformers has",
                code="model.own_code",
            ) from None
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{key}: {what}: {words[0]}", code="model.not_loadable") from None
