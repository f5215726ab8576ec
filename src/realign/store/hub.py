"""Models and data sets from the hub: by name and revision, plain files only, one clear line on failure."""

from pathlib import Path
from typing import Literal

from realign.config import environment
from realign.errors import UserError

_FILES = {
    "model": ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"],
    "dataset": ["*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz", "*.parquet", "*.csv", "README.md"],
}


def snapshot(name: str, revision: str, kind: Literal["model", "dataset"], key: str) -> Path:
    """The local folder of a hub repository at one revision, from the cache or downloaded into it.

    Args:
        name: owner/name.
        revision: a commit.
        kind: model or dataset.
        key: where the name stands in params.yaml, for messages.

    Raises:
        UserError: it is unknown, or not in the cache while the hub is switched off.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, repo_type=kind, revision=revision, allow_patterns=_FILES[kind]))
    except HFValidationError:
        raise UserError(
            f"{key}: {name!r} is no hub name (owner/name); the name of a folder begins with ./, ../ or /",
            code="hub.bad_name",
        ) from None
    except Exception as error:  # the hub client raises dozens of kinds for "not to be had"
        offline = environment.hub_is_offline()
        mend = (
            "HF_HUB_OFFLINE=1 keeps anything from being downloaded: unset it"
            if offline
            else "Check name, revision and network"
        )
        raise UserError(
            f"{key}: {name!r} at revision {revision!r} cannot be had ({type(error).__name__}). {mend}, or fill the "
            "local cache (HF_HOME)",
            code="hub.not_available",
        ) from None
