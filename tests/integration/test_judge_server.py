"""A judge over real HTTP that misbehaves, dies and is asked by processes that are killed: each answer is bought once."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_judge_server import Running
from judge_builders import ROOT, label, pairs, request, spec

from realign.labelers.llm_judge.jobs import ORDERS, Job, jobs
from realign.labelers.llm_judge.labeler import label as llm_judge
from realign.store.ledger import Ledger
from realign.store.work import Work

pytestmark = pytest.mark.integration

FAULTS = {
    "429": 0.02, "500": 0.02, "hang": 0.002, "drip": 0.002, "truncated": 0.01, "wrong_type": 0.01,
    "garbage": 0.01, "reset": 0.01, "nonsense": 0.03,
}  # fmt: skip


def start(folder: Path, server: Running, count: int, **judge: object) -> subprocess.Popen[str]:
    """A process that labels so many pairs."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "synthetic" / "judge_builders.py"), str(folder), server.url, str(count),
         json.dumps(judge)],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def wanted(folder: Path, server: Running, count: int) -> list[Job]:
    """The jobs of so many pairs, as the ledger of a folder knows them."""
    ledger = Ledger(Work(folder / ".work", "label").ledger())
    found = jobs(spec(label(server.url)), pairs(count), ledger)
    ledger.close()
    return found


def marks(folder: Path, server: Running, count: int) -> dict[str, tuple[str, str]]:
    """Pair and order of each mark by which the server counts."""
    found = {}
    for job in wanted(folder, server, count):
        for shown in ORDERS:
            text = job.chat(shown)[0]["content"]
            found[re.search(r"^(\[\w{20}\]) first response$", text, re.MULTILINE)[1]] = (job.pair_id, shown)
    return found


def answered(folder: Path, server: Running, count: int) -> set[tuple[str, str]]:
    """Orders that the ledger holds."""
    return {
        (job.pair_id, shown)
        for job in wanted(folder, server, count)
        for shown in ORDERS
        if shown not in job.missing
    }


def wait_until(event: Callable[[], bool]) -> None:
    while not event():
        time.sleep(0.02)


def test_every_answer_is_bought_once_whatever_the_server_does(tmp_path):
    count = 300
    with Running(tmp_path, latency=0.02, rates=FAULTS, hang=3.0) as server:
        settings = label(server.url, concurrency=32, timeout=1.0)
        found = llm_judge(request(tmp_path, pairs(count), settings))
        counts = server.counts()
        assert set(counts["faults"]) == set(FAULTS), "every fault came"
        assert (counts["asks"], counts["orders"], counts["sold_twice"]) == (2 * count, 2 * count, 0)
        told = found.facts["judge"]
        assert told["calls"] == counts["sold"]
        assert told["repairs"] == counts["repairs"]
        assert told["labels"]["abstain"] <= 0.02 * count
        assert llm_judge(request(tmp_path, pairs(count), settings)).facts == found.facts
        # A second strategy and a second seed: only what is new is bought.
        llm_judge(request(tmp_path, pairs(count, 5), settings, seed=8))
        after = server.counts()
        assert (after["asks"], after["sold_twice"]) == (2 * count + 10, 0)


@pytest.mark.parametrize("honours_keys", [False, True])
def test_a_kill_buys_nothing_again_that_the_ledger_holds(tmp_path, honours_keys):
    count, at_once = 150, 16
    with Running(tmp_path, latency=0.1, honours_keys=honours_keys) as server:
        for sold in (120,) if honours_keys else (60, 170):
            process = start(tmp_path, server, count, concurrency=at_once)
            wait_until(lambda: server.counts()["sold"] >= sold)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            process.wait()
            wait_until(lambda: not server.counts()["under_way"])  # what was under way is sold to nobody
            held, before = answered(tmp_path, server, count), server.sales()
            assert 0 < len(held) <= len(before) < 2 * count
        process = start(tmp_path, server, count, concurrency=at_once)
        said = json.loads(process.communicate()[0])
        sales, of_mark = server.sales(), marks(tmp_path, server, count)
    assert said["facts"]["judge"]["calls"] == 2 * count
    asked_later = {of_mark[sale["mark"]] for sale in sales[len(before) :]}
    assert not asked_later & held
    keys: dict[str, list[str]] = {}
    for sale in sales:
        keys.setdefault(sale["mark"], []).append(sale["key"])
    twice = [same for same in keys.values() if len(same) > 1]
    assert len(twice) <= 2 * at_once
    assert all(len(set(same)) == 1 for same in twice), (
        "an answer under way at a kill is asked for by the same key"
    )
    if honours_keys:
        assert len(sales) == 2 * count, "so a server that knows keys sells nothing twice"
    other = tmp_path / "never killed"
    other.mkdir()
    with Running(other, latency=0.0) as server:
        whole = llm_judge(request(other, pairs(count), label(server.url, concurrency=at_once)))
    assert (said["winner"], said["p_a"], said["facts"]) == (
        whole.winner.tolist(),
        whole.p_a.tolist(),
        whole.facts,
    )


def test_a_server_that_dies_and_comes_back_is_asked_on(tmp_path):
    count = 150
    with Running(tmp_path, latency=0.05, die_after=100) as server:
        asked = request(tmp_path, pairs(count), label(server.url, concurrency=16))
        answers: list[object] = []
        thread = threading.Thread(target=lambda: answers.append(llm_judge(asked).winner))
        thread.start()
        wait_until(server.ended)
        time.sleep(0.5)
        with Running(tmp_path, port=server.port, latency=0.05, die_after=100) as again:
            thread.join()
            counts = again.counts()
    assert len(answers) == 1
    assert counts["orders"] == 2 * count
    assert counts["sold_twice"] <= 1, "only the answer with which it died"


def test_a_server_that_stays_dead_costs_little_time_and_nothing_is_lost(tmp_path):
    count = 60
    with Running(tmp_path, latency=0.05, die_after=40) as server:
        process = start(tmp_path, server, count, concurrency=8, retries=1)
        output = process.communicate()[0]
        assert process.returncode != 0
        assert output == ""
        held = answered(tmp_path, server, count)
        assert 30 <= len(held) <= 40
        with Running(tmp_path, latency=0.05) as again:
            found = llm_judge(request(tmp_path, pairs(count), label(again.url)))
            assert again.counts()["sold_twice"] <= 1
    assert found.facts["judge"]["calls"] == 2 * count


def test_thirty_two_are_asked_at_once_from_the_first_to_the_last(tmp_path):
    count, at_once = 128, 32
    with Running(tmp_path, meet=at_once) as server:  # which answers nobody before thirty-two have asked
        found = llm_judge(
            request(tmp_path, pairs(count), label(server.url, concurrency=at_once, timeout=300.0))
        )
        counts = server.counts()
    assert counts["meetings"] == 2 * count / at_once
    assert counts["most_under_way"] == at_once
    assert found.facts["judge"]["calls"] == counts["sold"] == 2 * count


def test_two_processes_buy_everything_once_and_keep_to_one_budget(tmp_path):
    count = 40
    with Running(tmp_path, latency=0.05) as server:
        both = [start(tmp_path, server, count, concurrency=4) for _ in range(2)]
        said = [json.loads(process.communicate()[0]) for process in both]
        counts = server.counts()
    assert (counts["sold"], counts["sold_twice"]) == (2 * count, 0)
    assert said[0] == said[1]
    assert said[0]["facts"]["judge"]["calls"] == counts["sold"], "every paid call is on the books"
