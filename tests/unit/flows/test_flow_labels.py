"""What was paid for and voted outlives runs, errors and scratch folders, and ends in batches that DVC versions."""

import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pandas as pd
import pytest
from filelock import FileLock
from typer.testing import CliRunner
from unit_builders import ROOT, label_row, label_rows, refused

from flows import labels, project
from flows.cli import app
from realign.config.params import People
from realign.errors import LabelsMissing
from realign.labelers.human.page.store import Store
from realign.store import ids
from realign.store import ledger_batches as batches
from realign.store.host import Host
from realign.store.ledger import Ledger
from realign.store.schemas import QUEUE

PEOPLE = People(
    min_votes=1, min_share=1.0, gold_share=0.0, repeat_share=0.0, consensus="majority", audit=False
)


class Clock(Host):
    """A clock that tests set, back too."""

    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for line in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(line, cwd=root, check=True)
    return root


@pytest.fixture
def root(empty, tmp_path):
    """A git and DVC repository."""
    shutil.copytree(empty, tmp_path / "project")
    return tmp_path / "project"


def bought(root, *pairs):
    with closing(Ledger(labels.work(root).ledger())) as ledger:
        ledger.put(label_rows(*(label_row(pair) for pair in pairs)))


def page(root, clock=None, pairs=3):
    rows = [
        (f"p{n}", f"q{n}", ids.dump_messages([{"role": "user", "content": "Why?"}]), f"a{n}", f"b{n}", "one", "two",
         -float(n), None)
        for n in range(pairs)
    ]  # fmt: skip
    store = Store(labels.votes_file(root), clock)
    store.publish(pd.DataFrame(rows, columns=QUEUE.names).astype({"known": "object"}))
    return store


def vote(store, choice="left", times=1):
    for _ in range(times):
        store.vote("ann", store.next("ann", PEOPLE).showing, choice)


def held(root):
    rows = batches.read(labels.people_folder(root))
    return dict(zip(rows["pair_id"], rows["winner"], strict=True))


def test_nothing_that_was_paid_for_lies_in_a_scratch_folder(root):
    bought(root, "p1")
    with closing(page(root)) as store:
        vote(store)
    assert not (root / ".work").exists()
    outside = subprocess.run(
        ["git", "status", "--short", "-uall"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "ledger.sqlite" in outside.stdout, "without the project's .gitignore"
    shutil.copy(ROOT / "data" / "labels" / ".gitignore", root / "data" / "labels" / ".gitignore")
    inside = subprocess.run(
        ["git", "status", "--short", "-uall"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "sqlite" not in inside.stdout, "git would take the ledger, votes or secret"


@pytest.mark.parametrize("error", [None, LabelsMissing("votes are missing")])
def test_labels_are_exported_and_tracked_when_a_run_ends_however_it_ends(root, error):
    lines = []
    try:
        with labels.kept(root, lines.append):
            bought(root, "p1", "p2")
            with closing(page(root)) as store:
                vote(store)
            if error is not None:
                raise error
    except LabelsMissing as caught:
        assert caught is error
    for folder, count in (("ledger", 2), ("people", 1)):
        (batch,) = (root / "data" / "labels" / folder).glob("*.parquet")
        assert batch.with_suffix(".parquet.dvc").is_file()
        assert len(pd.read_parquet(batch)) == count
    assert any("data/labels/ledger" in line for line in lines)
    with labels.kept(root, lines.append):
        pass
    assert len(list((root / "data" / "labels" / "ledger").glob("*.parquet"))) == 1


def test_a_failed_export_does_not_hide_why_the_run_failed(root):
    bought(root, "p1")
    shutil.rmtree(root / ".dvc")
    lines = []
    with pytest.raises(LabelsMissing), labels.kept(root, lines.append):
        raise LabelsMissing("votes are missing")
    assert any("dvc add" in line for line in lines)
    assert len(list((root / "data" / "labels" / "ledger").glob("*.parquet"))) == 1


def test_a_page_that_begins_anew_takes_no_earlier_vote_back(root):
    """A new clone, or a page whose database was lost: who votes there has not undone what they said elsewhere."""
    with closing(page(root)) as store:
        vote(store, times=2)
    labels.collect(root, print)
    shutil.rmtree(labels.work(root).local())
    with closing(page(root)) as store:
        vote(store, "right")
    labels.collect(root, print)
    assert held(root) == {"p0": "b", "p1": "a"}


def test_an_undone_vote_is_an_abstention_until_it_is_given_again_whatever_the_clock_says(root):
    clock = Clock()
    clock.moment = datetime(2099, 1, 1, tzinfo=UTC)
    with closing(page(root, clock)) as store:
        vote(store, times=2)
        labels.collect(root, print)
        clock.moment = datetime(2026, 1, 1, tzinfo=UTC)
        store.undo("ann")
        labels.collect(root, print)
        assert held(root) == {"p0": "a", "p1": "abstain"}
        vote(store, "right")
        labels.collect(root, print)
        assert held(root) == {"p0": "a", "p1": "b"}
        assert labels.collect(root, print) == 0


def test_votes_never_collected_and_undone_leave_no_trace(root):
    with closing(page(root)) as store:
        vote(store)
        store.undo("ann")
    assert labels.collect(root, print) == 0


def test_what_is_damaged_is_salvaged_and_what_is_sound_stays(root):
    bought(root, "p1", "p2")
    labels.export(root, print)
    with closing(page(root)) as store:
        vote(store, times=2)
    labels.work(root).ledger().write_bytes(b"rubbish")
    saved = labels.salvage(root)
    assert saved == {labels.work(root).ledger(): 0}
    with closing(Ledger(labels.work(root).ledger())) as ledger:
        assert sorted(ledger.everything()["pair_id"]) == ["p1", "p2"], "the batches bring them back"
    path = labels.votes_file(root)
    whole = path.read_bytes()
    at = whole.index(b"ann")
    path.write_bytes(whole[:at] + b"eve" + whole[at + 3 :])
    (count,) = labels.salvage(root).values()
    assert count > 3
    with closing(Store(path)) as store:
        assert len(store.votes()) in (1, 2)


@pytest.mark.parametrize(
    "command", [["votes", "import", "v.jsonl"], ["votes", "export", "v.csv", "--to", "csv"]]
)
def test_votes_are_not_taken_in_under_a_run_that_reads_them(root, command, monkeypatch):
    """DVC would record a batch as read that came while the label stage was at work."""
    monkeypatch.setattr(project, "find", lambda: root)
    with closing(page(root)) as store:
        vote(store)
    lock = root / ".work" / "run.lock"
    lock.parent.mkdir()
    with FileLock(lock), refused("project.locked"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not list((root / "data" / "labels").glob("people/*.parquet"))
