"""A YAML file of the project, read with its troubles named."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from realign.errors import UserError
from realign.redact import without_user_info

_MARKS = ("<<<<<<< ", ">>>>>>> ")


def load(path: Path, yaml: YAML | None = None) -> Any:
    """The content of a YAML file.

    Raises:
        FileNotFoundError: it is not there.
        UserError: git left conflict markers in it, or it is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        marked = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith(_MARKS)]
        if marked:
            raise UserError(
                f"{path} line {marked[0]}: git left conflict markers here. Keep one side (git checkout --ours {path.name}, "
                f"or --theirs) or edit it, then git add {path.name}; realign status says what that makes stale",
                code="yaml.conflict",
            )
        return (yaml or YAML(typ="safe")).load(text)
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not valid YAML: {without_user_info(str(error))}\nThe last committed one: git checkout {path.name}",
            code="yaml.invalid",
        ) from None
