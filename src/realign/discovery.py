"""What is added by adding a file: the modules of a package, found by their files."""

import importlib
import pkgutil
from types import ModuleType


def names(package: str) -> list[str]:
    """Names of the modules of a package, sorted, none of them imported; `_name` is a helper and left out.

    Callers pass the package as a literal string, so that what a stage can import is seen in its source.
    """
    paths = importlib.import_module(package).__path__
    return sorted(name for _, name, _ in pkgutil.iter_modules(paths) if not name.startswith("_"))


def modules(package: str) -> dict[str, ModuleType]:
    """These modules by name, imported."""
    return {name: importlib.import_module(f"{package}.{name}") for name in names(package)}
