"""Files that a command is told to write: refused before any work, not after it."""

from __future__ import annotations

from pathlib import Path

from realign.errors import UserError, listing


def check(wanted: dict[str, tuple[Path | None, str]], never: Path | None = None) -> None:
    """Refuse what cannot be written, or must not be: a wrong name has destroyed a file of somebody's data.

    Args:
        wanted: by option, the file and the ending that it must have.
        never: a file that is read.

    Raises:
        UserError: all problems are listed.
    """
    problems = []
    for option, (path, ending) in wanted.items():
        if path is None:
            continue
        if path.is_dir():
            problems.append(f"{option} {path} is a folder; name a file in it")
        elif path.suffix.lower() != ending:
            problems.append(
                f"{option} {path}: the name must end in {ending}, so that no other file is overwritten"
            )
        elif never is not None and path.resolve() == never.resolve():
            problems.append(f"{option} {path} is the file that is read")
        elif not path.absolute().parent.is_dir():
            problems.append(f"{option} {path}: the folder {path.absolute().parent} is not there")
    if problems:
        raise UserError(listing("nothing was done, because the result could not be written:", problems))
