"""The README's way to one's own data, from a raw file to the report, on small made-up files."""

import gzip
import json
import random
import sys
from pathlib import Path

import pytest
from workspace import Workspace, fresh, stages_run

from flows import settings
from realign.pipeline.runner import STAGES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

_WORDS = (
    "red", "blue", "green", "tea", "milk", "boat", "garden", "friend", "walk", "book", "lamp", "sea", "warm",
)  # fmt: skip
_SMALL = (
    "base.build.vocab_size=320", "base.build.hidden_size=32", "base.build.intermediate_size=64",
    "base.build.layers=1", "base.build.heads=2", "base.pretrain.steps=8", "generate.max_new_tokens=8",
    "validate.min_rows=5", "train.epochs=1.0", "train.checkpoint_every=4", "evaluate.resamples=200",
)  # fmt: skip


def _text(rng: random.Random, longest: int = 12) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(2, longest))) + "."


def _scored(path: Path) -> None:
    rng = random.Random(1)
    rows = []
    for number in range(60):
        responses = []
        for _ in range(4):
            text = _text(rng)
            quality = text.count("red") + text.count("tea") + rng.random()
            scores = {"ann": quality, "ben": quality + rng.gauss(0, 0.5)}
            responses.append({"text": text, "generator": "maker", "scores": scores})
        rows.append({"prompt": f"Tell me about thing {number}.", "responses": responses})
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def _hh(path: Path) -> None:
    rng = random.Random(2)
    rows = []
    for number in range(60):
        context = f"\n\nHuman: Hello, {number}?\n\nAssistant: {_text(rng)}\n\nHuman: And {_text(rng)}"
        rows.append({side: f"{context}\n\nAssistant: {_text(rng)}" for side in ("chosen", "rejected")})
    rows[3]["rejected"] = rows[4]["rejected"]  # another context
    rows[5]["chosen"] = rows[5]["chosen"].rsplit("\n\nAssistant:", 1)[0] + "\n\nAssistant: "
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_scored_responses_by_realign_run(tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    _scored(project.root / "mine.jsonl.gz")
    changes = ("prepare.path=mine.jsonl.gz", "label.annotator=ann", "label.gold_annotator=ben", *_SMALL)
    done = project.realign("run", "--profile", "scored", *(word for c in changes for word in ("--set", c)))
    assert done.returncode == 0, done.stdout[-3000:]
    assert stages_run(done.stdout) == list(STAGES)
    metrics = json.loads((project.root / "reports/metrics.json").read_text())
    assert metrics["scorer"]["kind"].startswith("score_head")
    assert 0 <= metrics["strategies"]["easy"]["label_error"]["value"] <= 0.5
    assert metrics["scorer"]["held_out_accuracy"]["n"] > 5


def test_transcripts_by_make_repro(tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    _hh(project.root / "mine.jsonl")
    settings.write(project.root, "hh", ["prepare.path=mine.jsonl", "select.budget=30", *_SMALL])
    venv = Path(sys.prefix)
    done = project.run("make", "-o", f"{venv}/.ready", "repro", f"VENV={venv}")
    assert done.returncode == 0, done.stdout[-3000:]
    tally = json.loads((project.root / "reports/tally/prepare.json").read_text())
    assert tally["row"]["quarantined"] == {"context_differs": 1}
    assert tally["response"]["quarantined"] == {"blank": 1}
    assert _picked(project) == 30
    assert (project.root / "reports/report.html").is_file()


def _picked(project: Workspace) -> int:
    import pandas as pd

    return int((pd.read_parquet(project.root / "data/pairs.parquet")["purpose"] == "train").sum())
