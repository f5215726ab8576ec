"""A small batch, a store with a clock that stands still, and the application without a socket."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from fastapi.testclient import TestClient

from realign.config.params import People
from realign.evaluation.intervals import Resampling
from realign.labelers.human.page.access import Keys
from realign.labelers.human.page.app import create_app
from realign.labelers.human.page.store import Store
from realign.store import ids
from realign.store.host import Host
from realign.store.schemas import QUEUE

SECRET = "unit-test-secret-" + "x" * 32
HOW = Resampling(500, 0.95, 0)


class Clock(Host):
    """A machine whose time of day stands still; tests move its `seconds`."""

    seconds = 1_900_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


def settings(**changes) -> People:
    values = {
        "min_votes": 1,
        "min_share": 1.0,
        "gold_share": 0.0,
        "repeat_share": 0.0,
        "consensus": "majority",
        "audit": False,
    }
    return People(**(values | changes))


def batch(pairs: int, known: int = 0, text: str = "", value=lambda number: -number) -> pd.DataFrame:
    """Pairs p000, p001, ... of falling value; the last `known` have the answer 'a'."""
    rows = []
    for number in range(pairs):
        messages = ids.dump_messages([{"role": "user", "content": f"prompt {number} {text}"}])
        answer = "a" if number >= pairs - known else None
        rows.append((f"p{number:03d}", f"q{number}", messages, f"ra{number}", f"rb{number}", f"first {number} {text}",
                     f"second {number} {text}", float(value(number)), answer))  # fmt: skip
    return pd.DataFrame(rows, columns=QUEUE.names).astype({"known": "object"})


def store(folder: Path, frame: pd.DataFrame) -> tuple[Store, Clock]:
    clock = Clock()
    found = Store(folder / "votes.sqlite", clock)
    found.publish(frame)
    return found, clock


class Site:
    """The application and the people who may come in: anna, ben, and the lead."""

    def __init__(self, folder: Path, frame: pd.DataFrame, people: People | None = None, **options) -> None:
        self.store, self.clock = store(folder, frame)
        self.people = people or settings()
        self.keys = Keys(SECRET)
        for name in ("anna", "ben", "boss"):
            self.store.invite(name, "lead" if name == "boss" else "annotator", self.keys.token(name))
        self.app = create_app(self.store, self.people, SECRET, HOW, **options)

    def client(self, name: str | None = None, base_url: str = "http://127.0.0.1:8000") -> TestClient:
        """A browser; it has come in by its link if it has a name."""
        found = TestClient(self.app, base_url=base_url, follow_redirects=False, raise_server_exceptions=False)
        if name:
            assert found.get(f"/enter/{self.keys.token(name)}").status_code == 200
        return found


def form(html: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
