"""A stand-in for a hub download: files laid out as the hub's client caches them. No hub is to be had in tests."""

from pathlib import Path

REVISION = "0123456789abcdef0123456789abcdef01234567"


def cached(home: Path, kind: str, name: str) -> Path:
    """The (new, empty) folder in which the client keeps one revision of a repository.

    Args:
        home: HF_HOME.
        kind: models or datasets.
        name: owner/name.
    """
    repository = home / "hub" / f"{kind}--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(REVISION)
    folder = repository / "snapshots" / REVISION
    folder.mkdir(parents=True)
    return folder
