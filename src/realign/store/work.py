"""A stage's own corner of `.work/`: rows, checkpoints, scratch folders. Nothing depends on it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from realign.progress import progress, say
from realign.store import code
from realign.store.host import Host
from realign.store.ids import digest
from realign.store.row_cache import RowCache

WORK = Path(".work")  # in the project's root


class Work:
    """Where a stage may keep what lets it resume. Never an input of anything.

    Args:
        root: the project's `.work` folder.
        stage: the stage's name.
        item: which one of a stage that is run for many; they share rows, and nothing else.
        host: the machine's clock and environment.
    """

    def __init__(self, root: Path, stage: str, item: str = "", host: Host | None = None) -> None:
        self.host = host or Host()
        self._root = root
        self._stage = stage
        self._name = f"{stage}-{item}" if item else stage

    def of(self, stage: str) -> Work:
        """The corner of another stage, for one that does a part of its work and must find what it did."""
        return Work(self._root, stage, host=self.host)

    def rows(self, *made_by: str) -> RowCache:
        """This stage's finished rows, as the code of these modules, these libraries and this device made them."""
        libraries = ("torch", "transformers", "peft", "sentence-transformers")
        return RowCache(self._root / "rows" / f"{self._stage}.sqlite", _makers(made_by, libraries))

    def kept(
        self,
        keys: Sequence[str],
        compute: Callable[[list[int]], Iterator[Mapping[int, bytes]]],
        what: str,
        unit: str,
        made_by: Sequence[str],
    ) -> list[bytes]:
        """The row of each key: known, or else computed and kept batch by batch, so that a kill loses one batch.

        Args:
            keys: name everything that a row depends on; may repeat. Shape (n,).
            compute: takes the places in `keys` of the rows to compute, each distinct key once, and yields
                finished batches, {index into these places: row}; not called where every row is known.
            what: for the progress bar.
            unit: what a row is of, in the plural.
            made_by: modules that make a row; when they or what they import change, all rows are made anew.
        """
        first: dict[str, int] = {}
        for place, key in enumerate(keys):
            first.setdefault(key, place)
        store = self.rows(*made_by)
        known = store.get(first)
        todo = [place for key, place in first.items() if key not in known]
        if todo:
            bar = progress(len(first), what, unit, done=len(first) - len(todo))
            for batch in compute(todo):
                rows = {keys[todo[at]]: row for at, row in batch.items()}
                store.put(rows)
                known |= rows
                bar.update(len(rows))
            bar.close()
        store.close()
        return [known[key] for key in keys]

    def ledger(self) -> Path:
        """The ledger of every label ever paid for, while work is under way."""
        return self.local() / "ledger.sqlite"

    @contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Be the only process of this workspace that does what `name` says; the end of a process ends its claim."""
        self.local().mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.local() / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"{name}: another process is at it; this one goes on when that one is done")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def local(self) -> Path:
        """What this workspace alone has and no run can make again: no scratch folder, and no command removes it.

        The ledger, people's votes, and the secret of their links.
        """
        return self._root.parent / "data" / "labels" / "local"

    def shared_ledger(self) -> Path:
        """The folder of the ledger's batches, which DVC versions and teammates share."""
        return self._root.parent / "data" / "labels" / "ledger"

    def queue(self) -> Path:
        """The table of pairs that people vote on."""
        return self.local() / "queue.parquet"

    def checkpoints(self, fingerprint: str, made_by: str) -> Path:
        """The folder for checkpoints of a training by module `made_by` whose inputs and settings `fingerprint` fully names.

        Other folders are removed: they can never be resumed by this project state, code, library or device.
        """
        home = self._root / "checkpoints" / self._name
        libraries = ("torch", "transformers", "trl", "peft", "accelerate")
        folder = home / digest(fingerprint, _makers([made_by], libraries))
        for other in home.glob("*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scratch(self) -> Path:
        """An empty folder, to be filled and returned as an output."""
        home = self._root / "scratch"
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{self._name}-", dir=home))

    def gates(self) -> Path:
        """The folder in which Great Expectations keeps its stores."""
        return self._root / "gx"

    def failures(self) -> Path:
        """The folder for reports of refused tables: not an output, so never a gate."""
        return self._root.parent / "reports" / "failures"

    def docs(self) -> Path:
        """The folder of the Data Docs site: for people, not an output."""
        return self._root.parent / "reports" / "data_docs"

    def remember(self, seconds: float) -> None:
        """Write provenance beside the run: versions, machine, time. Nothing depends on it."""
        packages = ("torch", "transformers", "trl", "peft", "sentence-transformers", "great-expectations",
                    "pandas", "pyarrow", "dvc", "prefect")  # fmt: skip
        record = {
            "stage": self._name,
            "seconds": round(seconds, 2),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "versions": {name: importlib.metadata.version(name) for name in packages},
        }
        if "torch" in sys.modules:
            cuda = sys.modules["torch"].cuda
            record["accelerator"] = cuda.get_device_name() if cuda.is_available() else None
        folder = self._root / "provenance"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self._name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _makers(modules: Sequence[str], libraries: Sequence[str]) -> str:
    """What numbers depend on besides their inputs: our code, the libraries, the device's arithmetic.

    A mended fault must not come back out of what the faulty code left, nor bfloat16 among float32.
    """
    import torch

    versions = [importlib.metadata.version(name) for name in libraries]
    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else torch.backends.cpu.get_cpu_capability()
    return digest(code.fingerprint(*modules), *versions, device)
