"""Writing params.yaml before a run: profiles and single keys; comments and order are kept."""

import io
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from realign.config import params, params_file, yaml_file
from realign.errors import UserError
from realign.store import artifacts

PROFILES = "profiles"


def write(
    root: Path,
    profile: str | None,
    assignments: Sequence[str],
    accept: Callable[[params.Params], object] = lambda params: None,
) -> None:
    """Put a profile's values and then single values into params.yaml, all or none.

    A profile is applied to params.yaml as last committed, so that a run by profile does not depend on the
    profiles and values of earlier runs.

    Args:
        root: the project.
        profile: name of a profile.
        assignments: section.key=value each.
        accept: raises if the result must not be written.

    Raises:
        UserError: no such profile, an assignment is not section.key=value, or the result is invalid.
    """
    if not profile and not assignments:
        return
    path = root / params_file.PARAMS_FILE
    yaml = _yaml()
    document = _load(yaml, path)
    if profile:
        committed = _committed(root)
        if committed is not None:
            _merge(document, committed)
        _merge(document, _profile(root, profile))
    for assignment in assignments:
        _assign(document, assignment)
    buffer = io.StringIO()
    yaml.dump(document, buffer)
    accept(params_file.check(YAML(typ="safe").load(buffer.getvalue())))
    artifacts.write_text(path, buffer.getvalue())


def profiles(root: Path) -> list[str]:
    """Names of the profiles."""
    return sorted(path.stem for path in (root / PROFILES).glob("*.yaml"))


def _committed(root: Path) -> dict[str, Any] | None:
    """params.yaml as last committed; None where git does not hold it."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{params_file.PARAMS_FILE}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    values = YAML(typ="safe").load(shown.stdout) if shown.returncode == 0 else None
    return values if isinstance(values, dict) else None


def _profile(root: Path, name: str) -> dict[str, Any]:
    path = root / PROFILES / f"{name}.yaml"
    if not path.is_file():
        raise UserError(
            f"there is no profile {name!r}; there are {', '.join(profiles(root))}",
            code="params.unknown_profile",
        )
    values: dict[str, Any] = _load(YAML(typ="safe"), path)
    return values


def _merge(document: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        elif document.get(key, ...) != value:
            document[key] = _inline(value)


def _assign(document: Any, assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise UserError(f"--set expects section.key=value, not {assignment!r}", code="params.bad_assignment")
    try:
        value = YAML(typ="safe").load(text) if text else None
    except YAMLError as error:
        raise UserError(
            f"--set {assignment}: the value is not valid YAML ({str(error).splitlines()[0]})",
            code="params.bad_assignment",
        ) from None
    if str(value).count("#") < text.count("#"):
        value = text.strip()  # not a comment, though YAML would drop it: nobody comments on a command line
    *sections, last = key.split(".")
    place = document
    for section in sections:
        place = place.setdefault(section, {})  # whether it may be new is for the check of the whole
        if not isinstance(place, dict):
            raise UserError(
                f"--set {assignment}: {section!r} in params.yaml is no section", code="params.unknown_section"
            )
    place[last] = _inline(value)


def _inline(value: Any) -> Any:
    """A list on one line, as params.yaml has them."""
    if not isinstance(value, list):
        return value
    sequence = CommentedSeq(value)
    sequence.fa.set_flow_style()
    return sequence


def _load(yaml: YAML, path: Path) -> Any:
    document = yaml_file.load(path, yaml)
    if not isinstance(document, dict):
        raise UserError(f"{path.name} must hold sections (key: value)", code="yaml.invalid")
    return document


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=2, offset=0)
    yaml.representer.add_representer(
        type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml
