"""The annotation server as a real process, and a batch for it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pandas as pd

from realign.store import artifacts, ids
from realign.store.schemas import QUEUE


def pair(
    number: int, question: str, first: str, second: str, value: float, known: str | None = None
) -> tuple:
    """One row of the queue table."""
    messages = [{"role": "user", "content": question}]
    prompt = ids.prompt_id(messages)
    texts = {ids.response_id(prompt, text): text for text in (first, second)}
    a, b = ids.shown_order(prompt, *texts)
    pair_id = ids.pair_id(prompt, a, b)
    return (pair_id, prompt, ids.dump_messages(messages), a, b, texts[a], texts[b], value, known)


def publish(folder: Path, rows: Sequence[tuple]) -> pd.DataFrame:
    """Write queue.parquet; returns what is in it."""
    batch = pd.DataFrame(rows, columns=QUEUE.names).astype({"known": "object"})
    artifacts.write_table(folder / "queue.parquet", batch, QUEUE)
    return batch


def plain_batch(folder: Path, pairs: int, known: int = 0) -> pd.DataFrame:
    """Pairs whose better response says so; the last `known` of them have a known answer."""
    rows = []
    for number in range(pairs):
        good, bad = f"good answer {number}", f"bad answer {number}"
        row = pair(number, f"question {number}?", good, bad, 1 - number / pairs)
        answer = "a" if row[5] == good else "b"
        rows.append((*row[:-1], answer if number >= pairs - known else None))
    return publish(folder, rows)


class Server:
    """The program annotate_program.py on a free port of loopback; the links it prints, by name."""

    def __init__(self, folder: Path, people: Sequence[str], *options: str, port: int | None = None) -> None:
        self.folder, self.people, self.options = folder, people, options
        self.port = port or _free_port()
        self.process: subprocess.Popen[str] | None = None
        self.links: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start, and wait until it answers."""
        line = [
            sys.executable,
            str(Path(__file__).with_name("annotate_program.py")),
            "--folder",
            str(self.folder),
            "--port",
            str(self.port),
        ]
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*line, "--people", ",".join(self.people), *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        assert self.process.stdout is not None
        for _ in range(len(self.people) + 1):
            words = re.fullmatch(r"(.+?)(?: \(lead\))?: (http://\S+)\n", self.process.stdout.readline())
            assert words, (self.folder / "server.log").read_text()
            self.links[words[1]] = words[2]
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
