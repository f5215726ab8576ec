"""`params.yaml` read and checked, every problem of it in one message."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from realign.config import yaml_file
from realign.config.combinations import impossible
from realign.config.params import Params
from realign.errors import UserError, listing

PARAMS_FILE = "params.yaml"
_CREDENTIALS = re.compile(
    r"\w://[^/?#\s]*@|\w://\S*[?&][\w-]*(key|token|secret|password|passwd|signature|sig|auth)=", re.IGNORECASE
)


def load(path: Path) -> Params:
    """Read and check a params file.

    Raises:
        UserError: the file is absent, is no YAML, or breaks a rule; all broken rules are listed.
    """
    try:
        raw = yaml_file.load(path)
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there. Run from the project's root, or restore it: git checkout {path.name}",
            code="params.missing",
        ) from None
    return check(raw, path.name)


def check(raw: object, name: str = PARAMS_FILE) -> Params:
    """Check parameters that were read from somewhere.

    Raises:
        UserError: lists every unknown, missing or wrong key and every impossible combination.
    """
    if not isinstance(raw, dict):
        raise UserError(
            f"{name} must hold sections (key: value), not {type(raw).__name__}", code="params.not_sections"
        )
    if secret := list(_secrets(raw)):  # before anything of it is quoted
        raise UserError(listing(f"{name} must hold no secrets:", secret), code="params.secret")
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        problems = [_sentence(dict(e)) for e in error.errors()]
        problems += impossible(_sound(raw, {e["loc"][0] for e in error.errors()}))
    else:
        problems = impossible(params)
        if not problems:
            return params
    raise UserError(
        listing(f"{name} cannot be used ({len(problems)} problem(s)):", problems), code="params.refused"
    )


def _secrets(value: Any, where: str = "") -> Iterator[str]:
    """Values that hold a secret, each with its mend; the values themselves are not quoted."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _secrets(part, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for part in value:
            yield from _secrets(part, where)
    elif isinstance(value, str) and _CREDENTIALS.search(value):
        yield (
            f"{where}: the address holds a user name, password or key, which would come into git, dvc.lock and the run "
            "cache. Take it out; a judge's key belongs in the environment variable that label.judge.key_variable names"
        )
    elif where == "label.judge.key_variable" and isinstance(value, str) and not value.isidentifier():
        yield f"{where}: must be the name of an environment variable, not the key itself"


def _sound(raw: dict[Any, Any], broken: set[int | str]) -> Params:
    """The sections without an error; the others are absent."""
    sections = {}
    for name, field in Params.model_fields.items():
        key = field.alias or name
        if key in raw and key not in broken:
            section: Any = field.annotation
            sections[key] = section.model_validate(raw[key]) if isinstance(raw[key], dict) else raw[key]
    return Params.model_construct(**sections)


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function"))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _keys(error["loc"][:-1]), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "take it out"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}: missing; params.yaml has no hidden defaults, add it (git diff params.yaml shows what it was)"
    message = str(error["msg"])
    return f"{where}: {message[:1].lower()}{message[1:]} (it is {error['input']!r:.80})"


def _keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `location` has."""
    section: Any = Params
    for part in location:
        section = _fields(section).get(part)
    return list(_fields(section))


def _fields(section: Any) -> dict[str, Any]:
    return {
        field.alias or name: field.annotation for name, field in getattr(section, "model_fields", {}).items()
    }
