"""What the commands print, and checks of the files that they are asked to write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from realign.errors import UserError, listing

console = Console()


def say(line: str, wrap: bool = False) -> None:
    """Print a line without markup or highlighting; `wrap` breaks it at the width of the terminal."""
    console.print(line, highlight=False, markup=False, soft_wrap=not wrap)


def show(title: str, columns: Mapping[str, str], rows: list[list[str]]) -> None:
    """Print a table; columns that do not fit beside the others follow below, with the left ones again.

    Args:
        title: its heading.
        columns: names of the columns, each with its alignment; the left ones come first and say what a row is of.
        rows: cells, in the order of the columns.
    """
    names = list(columns)
    widths = [
        max(cell_len(text) for text in (*name.split(), *(row[at] for row in rows))) + len(" | ")
        for at, name in enumerate(names)
    ]
    left = [at for at, name in enumerate(names) if columns[name] == "left"]
    half = console.width // 2
    free = console.width - len("|") - min(half, sum(widths[at] for at in left))
    parts: list[list[int]] = [[]]
    for at in range(len(left), len(names)):
        if parts[-1] and sum(widths[other] for other in (*parts[-1], at)) > free:
            parts.append([])
        parts[-1].append(at)
    for number, part in enumerate(parts):
        table = Table(title=None if number else title, title_justify="left")
        for at in left:
            table.add_column(names[at], overflow="fold", no_wrap=sum(widths[k] for k in left) <= half)
        for at in part:
            table.add_column(names[at], justify="right", min_width=widths[at] - len(" | "))
        for row in rows:
            table.add_row(*(row[at] for at in (*left, *part)))
        console.print(table)


def cell(figure: Mapping[str, Any] | None, interval: bool = True) -> str:
    """A figure as a cell: 0.123 [0.101, 0.150]; empty where it is not known."""
    if figure is None:
        return ""
    return f"{figure['value']:.3f}" + (f" [{figure['low']:.3f}, {figure['high']:.3f}]" if interval else "")


def names(text: str | None) -> tuple[str, ...] | None:
    """The names in a comma-separated option; None where it was not given."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def check(wanted: dict[str, tuple[Path | None, str]], never: Path | None = None) -> None:
    """Refuse paths that cannot or must not be written, before any work: a wrong name could overwrite data.

    Args:
        wanted: for each option, the path and its required suffix.
        never: the file that is read.

    Raises:
        UserError: lists all problems.
    """
    problems = []
    for option, (path, suffix) in wanted.items():
        if path is None:
            continue
        if path.is_dir():
            problems.append(f"{option} {path} is a folder; name a file in it")
        elif path.suffix.lower() != suffix:
            problems.append(
                f"{option} {path}: the name must end in {suffix}, so that no other file is overwritten"
            )
        elif never is not None and path.resolve() == never.resolve():
            problems.append(f"{option} {path} is the file that is read")
        elif not path.absolute().parent.is_dir():
            problems.append(f"{option} {path}: the folder {path.absolute().parent} does not exist")
    if problems:
        raise UserError(
            listing("nothing was done, because the result could not be written:", problems),
            code="output.not_writable",
        )
