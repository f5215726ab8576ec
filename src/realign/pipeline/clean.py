"""`python -m realign.pipeline.clean`: remove what the stages wrote and their finished rows. Labels stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from realign.pipeline import declared
from realign.pipeline.table import CODE, EXPERIMENT, STAGES
from realign.store.work import WORK

_MADE_AGAIN = ("rows", "checkpoints", "scratch", "gx", "provenance", "*.status.json")
"""What `.work` holds that a run makes again. Whatever else lies there may be somebody's votes or paid labels."""


def removable(root: Path) -> Iterator[Path]:
    """Everything that a run makes again."""
    for stage in (CODE, *STAGES, *EXPERIMENT):
        yield from (root / declared.artifact(name, stage).home for name in declared.writes(stage))
    yield from (path for pattern in _MADE_AGAIN for path in (root / WORK).glob(pattern))
    yield from (root / "reports" / name for name in ("failures", "data_docs"))


def main() -> None:
    """Clean the project in the working directory."""
    for path in removable(Path.cwd()):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
