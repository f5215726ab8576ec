"""DVC's status in plain words."""

import pytest

from flows.status import NOTHING, lines, nothing_yet
from realign.pipeline.table import STAGES
from realign.store.artifacts import ARTIFACTS

PARAMS = "seed: 7\nstrategy: easy\nselect:\n  budget: 5\n  added: 1\ntrain:\n  beta: 0.2\n  lora: {r: 8}\nother: {x: 1}\n"
LOCK = """\
schema: '2.0'
stages:
  select:
    cmd: x
    params:
      params.yaml:
        seed: 7
        strategy: hard
        select:
          budget: null
          gone: 3
  train:
    params:
      params.yaml:
        train:
          beta: 0.2
          lora: {r: 4}
"""


@pytest.fixture
def root(tmp_path):
    """A project whose parameters moved on since the last run."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.lock").write_text(LOCK)
    return tmp_path


def test_nothing_stale_is_one_line(root):
    assert list(lines({}, root)) == ["all stages are up to date"]


def test_a_stale_stage_says_why_and_those_below_wait(root):
    stale = {
        "select": [
            {"changed deps": {"data/embeddings.parquet": "modified", "src/new.py": "new"}},
            {"changed outs": {"data/pairs.parquet": "deleted", "reports/x.csv": "not in cache"}},
            "changed command",
        ],
        "train": ["odd words", {"changed deps": {"x": "strange"}}],
    }
    assert list(lines(stale, root)) == [
        "prepare: up to date",
        "base: up to date",
        "generate: up to date",
        "embed: up to date",
        "rewards: up to date",
        "pilot: up to date",
        "select: stale",
        "    input data/embeddings.parquet changed",
        "    input src/new.py new",
        "    output data/pairs.parquet missing",
        "    output reports/x.csv not in the cache (realign pull fetches it)",
        "    its command changed",
        "validate: to be checked again after select",
        "label: to be checked again after select",
        "train: stale",
        "    odd words",
        "    input x strange",
        "evaluate: to be checked again after select",
        "report: to be checked again after select",
    ]


def said(root, stage):
    stale = {stage: [{"changed deps": {"params.yaml": {stage: "modified"}}}]}
    return {line.strip() for line in lines(stale, root) if line.startswith("    ")}


def test_changed_parameters_are_named_with_before_and_now(root):
    assert said(root, "select") == {
        "parameter strategy changed from hard to easy",
        "parameter select.budget changed from None to 5",
        "parameter select.gone changed from 3 to nothing",
        "parameter select.added is new",
    }
    assert said(root, "train") == {"parameter train.lora.r changed from 4 to 8"}


def test_a_stage_that_never_ran_says_so(root):
    assert said(root, "label") == {"it has never run here"}
    (root / "dvc.lock").unlink()
    assert said(root, "select") == {"it has never run here"}


def test_what_is_no_stage_stands_at_the_end(root):
    found = list(lines({"data/raw/x.jsonl.dvc": [{"changed outs": {"data/raw/x.jsonl": "modified"}}]}, root))
    assert found[:-1] == [f"{name}: up to date" for name in STAGES]
    assert found[-1] == "data/raw/x.jsonl.dvc: output data/raw/x.jsonl changed"


def test_a_fresh_clone_has_run_nothing_and_one_that_ran_or_pulled_has(tmp_path):
    assert nothing_yet(tmp_path)
    assert "\n" not in NOTHING
    (tmp_path / ".work").mkdir()
    assert nothing_yet(tmp_path)
    note = tmp_path / ".work" / "prepare.status.json"
    note.touch()
    assert not nothing_yet(tmp_path)
    note.unlink()
    pulled = tmp_path / ARTIFACTS["prompts"].path
    pulled.parent.mkdir(parents=True)
    pulled.touch()
    assert not nothing_yet(tmp_path)
