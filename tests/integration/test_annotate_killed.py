"""A server that dies at any moment has every vote that it acknowledged, and none twice."""

import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from annotate_server import Server, plain_batch

from realign.labelers.human.page.store import Store

pytestmark = pytest.mark.integration

CLIENTS, PAIRS, KILLS = 8, 60, 6
_FIELD = re.compile(r'name="(form|pair|occasion|round)" value="([^"]*)"')


class Client(threading.Thread):
    """Somebody who votes until nothing is left, comes back after every failure, and double-clicks.

    `acknowledged` is what the server said it has: choice by pair.
    """

    def __init__(self, server: Server, name: str, count: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._server, self._count = server, count
        self._rng = random.Random(name)
        self.acknowledged: dict[str, str] = {}
        self.refused_twice = 0
        self.problems: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._server.address, timeout=120) as http:
            self._retry(lambda: http.get(self._server.links[self.name]))
            while fields := self._form(http):
                choice = self._rng.choice(["left", "right", "tie", "both_bad"])
                try:
                    answer = http.post("/vote", data=fields | {"choice": choice})
                except httpx.TransportError:
                    continue  # it may have the vote or not: the next page says
                if answer.status_code != 303:
                    self.problems.append(f"{answer.status_code} for {fields['pair']}")
                    return
                self.acknowledged[fields["pair"]] = choice
                self._count()
                if self._rng.random() < 0.2:
                    again = self._retry(lambda sent=fields | {"choice": "tie"}: http.post("/vote", data=sent))
                    self.refused_twice += again.status_code == 409
                    if again.status_code != 409:
                        self.problems.append(f"a form sent twice was answered {again.status_code}")

    def _form(self, http: httpx.Client) -> dict[str, str]:
        page = self._retry(lambda: http.get("/"))
        if page.status_code != 200:
            self.problems.append(f"{page.status_code}: {page.text[-300:]}")
            return {}
        fields = dict(_FIELD.findall(page.text))
        return fields if "pair" in fields else {}

    @staticmethod
    def _retry(ask: Callable[[], httpx.Response]) -> httpx.Response:
        deadline = time.monotonic() + 300
        while True:
            try:
                return ask()
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the server did not come back"
                time.sleep(0.05)


def test_no_acknowledged_vote_is_lost_and_none_counts_twice(tmp_path: Path) -> None:
    plain_batch(tmp_path, pairs=PAIRS)
    names = [f"person {number}" for number in range(CLIENTS)]
    rng = random.Random(20)
    moments = sorted(rng.sample(range(50, CLIENTS * PAIRS - 50), KILLS))
    votes, lock = [0], threading.Lock()

    def count() -> None:
        with lock:
            votes[0] += 1

    with Server(tmp_path, names, "--min-votes", str(CLIENTS)) as server:
        links = dict(server.links)
        clients = [Client(server, name, count) for name in names]
        for client in clients:
            client.start()
        for moment in moments:
            while votes[0] < moment and any(client.is_alive() for client in clients):
                time.sleep(0.001)
            time.sleep(rng.random() * 0.02)  # anywhere within a request
            server.kill()
            server.start()
        for client in clients:
            client.join(timeout=300)
        assert server.links == links, "a restart changed somebody's link"
    assert [problem for client in clients for problem in client.problems] == []
    assert not any(client.is_alive() for client in clients)
    assert sum(client.refused_twice for client in clients) > 50

    store = Store(tmp_path / "votes.sqlite")
    found = store.votes()
    stored = {(row.annotator, row.pair_id): row.winner for row in found.itertuples()}
    assert len(found) == len(stored) == CLIENTS * PAIRS
    words = {"left": "a", "right": "b"}
    lost = [
        (client.name, pair)
        for client in clients
        for pair, choice in client.acknowledged.items()
        if stored[client.name, pair] != words.get(choice, choice)
    ]
    assert lost == []
    unsure = CLIENTS * PAIRS - sum(len(client.acknowledged) for client in clients)
    assert unsure <= KILLS * CLIENTS
    with sqlite3.connect(tmp_path / "votes.sqlite") as db:
        assert db.execute("SELECT count(*) FROM events").fetchone()[0] == CLIENTS * PAIRS
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
