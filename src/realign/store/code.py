"""The code that makes something: the modules it imports, without their comments and docstrings.

What a stage or a kept row depends on is measured from the imports, so nobody lists modules by hand, and
an edit that no computation can see makes nothing stale.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from realign.store import ids

_PACKAGE = "realign"
_NAME = re.compile(rf"{_PACKAGE}(\.\w+)+")
_HOME = Path(__file__).parents[1]
# Fields of a syntax tree that say where or how something was written, not what it does.
_SILENT_FIELDS = ("ctx", "kind", "type_comment", "type_ignores")


def closure(*modules: str, home: Path | None = None) -> dict[str, str]:
    """Digest by module name, of these modules and of all in this package that they import, in order of name.

    Imports inside functions count, those under `if TYPE_CHECKING` do not. A string that is the full name of
    a package stands for all modules in it: that is how modules are discovered by their files. A package that
    is passed through on the way to a module counts with its `__init__`.

    Args:
        modules: full names, e.g. realign.pipeline.stages.select.
        home: the package's folder; None for this one.
    """
    home = home or _HOME
    digests: dict[str, str] = {}
    todo = [*modules]
    while todo:
        name = todo.pop()
        path = _file(name, home)
        if name in digests or path is None:
            continue
        digests[name], wanted = _parsed(path.read_text(encoding="utf-8"))
        todo += [module for one in wanted for module in _modules(one, home)]
        todo += _parents(name)
    return dict(sorted(digests.items()))


def fingerprint(*modules: str) -> str:
    """One digest of a closure."""
    return ids.digest(*(f"{name}={digest}" for name, digest in closure(*modules).items()))


@cache
def _parsed(source: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a module's syntax tree, and the names in this package that it mentions."""
    tree = ast.parse(source)
    return ids.digest(repr(_plain(tree))), tuple(sorted(set(_mentioned(tree))))


def _plain(node: object) -> object:
    """A syntax tree as nested tuples that every version of Python gives alike; strings that are statements are left out."""
    if isinstance(node, list):
        return tuple(_plain(item) for item in node if not _is_docstring(item))
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _SILENT_FIELDS)
    return (
        type(node).__name__,
        *((name, _plain(value)) for name, value in fields if value not in (None, [])),
    )


def _is_docstring(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _mentioned(node: ast.AST) -> Iterator[str]:
    """Names that may be modules: what is imported, and strings that begin like a module of this package."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        for other in node.orelse:
            yield from _mentioned(other)
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
        yield f"{node.value}.*"
    for child in ast.iter_child_nodes(node):
        if not _is_docstring(child):
            yield from _mentioned(child)


def _modules(mentioned: str, home: Path) -> list[str]:
    """The module of this name, or with .* all modules of a package; nothing where there is none."""
    if not mentioned.endswith(".*"):
        return [mentioned] if _file(mentioned, home) else []
    package = mentioned.removesuffix(".*")
    path = _file(package, home)
    if path is None or path.name != "__init__.py":
        return [package] if path else []
    return [
        package,
        *(f"{package}.{child.stem}" for child in path.parent.glob("*.py") if child.stem != "__init__"),
    ] + [f"{package}.{child.parent.name}" for child in path.parent.glob("*/__init__.py")]


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _file(module: str, home: Path) -> Path | None:
    first, *rest = module.split(".")
    if first != _PACKAGE:
        return None
    folder = home.joinpath(*rest)
    candidates = (folder / "__init__.py", folder.with_suffix(".py") if rest else folder / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
