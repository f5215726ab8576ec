"""A whole project and a paid judge over HTTP: priced before, bought once, measured, refused when it is bad."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_judge_server import Running
from workspace import Workspace

from realign.store.artifacts import read_json

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

TOKENS_A_VERDICT = 21  # of the fake's answer, by its own rule


def judged_by(server: Running) -> tuple[str, ...]:
    values = {"backend": "server", "server": server.url, "model.name": "fake", "model.revision": "'1'", "concurrency": "16",
              "price_in": "2.0", "price_out": "8.0"}  # fmt: skip
    return tuple(word for key, value in values.items() for word in ("--set", f"label.judge.{key}={value}"))


def test_a_plan_says_what_the_run_then_buys_and_another_strategy_buys_nothing(
    finished: Workspace, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    with Running(tmp_path, latency=0.005) as server:
        assert project.realign("run", *judged_by(server), "--until", "embed").returncode == 0
        planned = project.realign("plan", "--labeler", "llm_judge", "--probe", "10", "--json", "plan.json")
        assert planned.returncode == 0, planned.stdout[-2000:]
        probed = server.counts()
        assert probed["sold"] == 20
        rows = {row["strategy"]: row for row in read_json(project.root / "plan.json")["strategies"]}
        assert {"easy", "hard", "random", "centroid", "this run"} <= set(rows)

        done = project.realign("run", "--set", "label.labeler=llm_judge", "--until", "label")
        assert done.returncode == 0, done.stdout[-2000:]
        bought = server.counts()
        assert bought["sold"] - probed["sold"] == rows["this run"]["calls"]
        assert bought["sold_twice"] == 0
        facts = read_json(project.root / "reports" / "labeling.json")["judge"]
        assert facts["calls"] == bought["sold"]
        spent = facts["tokens_in"] + facts["tokens_out"]
        predicted = rows["this run"]["tokens"] + spent * 20 / facts["calls"]
        assert abs(predicted / spent - 1) < 0.1
        assert facts["money"] == pytest.approx(
            (facts["tokens_in"] * 2.0 + facts["tokens_out"] * 8.0) / 1e6, abs=1e-6
        )

        other = ("--set", "strategy=hard", "--set", "audit=[easy, random, centroid]", "--until", "label")
        assert project.realign("run", *other).returncode == 0
        assert server.counts()["requests"] == bought["requests"], "every pair was known"

        short = project.realign("run", "--set", "label.budget.calls=100", "--until", "label")
        assert short.returncode == 2 and "label.budget.calls = 100 is reached" in short.stdout
        assert "50 of" in short.stdout and "label.budget.then=train" in short.stdout
        partial = project.realign("run", "--set", "label.budget.then=train", "--until", "label")
        assert partial.returncode == 0, partial.stdout[-2000:]
        tally = read_json(project.root / "reports" / "tally" / "label.json")["pair"]
        assert tally["out"] > 0 and tally["quarantined"]["over_budget"] == tally["in"] - tally["out"]
        assert server.counts()["requests"] == bought["requests"]

        assert "fake@1" in project.realign("ledger", "stats").stdout
        assert project.realign("ledger", "export").returncode == 0
        assert "sound" in project.realign("ledger", "verify").stdout
    mate = finished.copy(tmp_path / "mate")
    for file in (project.root / "data" / "labels" / "ledger").glob("*.parquet"):
        (mate.root / "data" / "labels" / "ledger" / file.name).write_bytes(file.read_bytes())
    with_dead_server = ("--set", "label.labeler=llm_judge", "--until", "label", *judged_by(server))
    assert mate.realign("run", *with_dead_server).returncode == 0, "a teammate's batch is all that it needs"


def known_pairs(count: int = 240) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Pairs whose better side is by a coin longer or shorter, and how good each text is."""
    random = np.random.default_rng(5)
    rows, gold = [], {}
    for number in range(count):
        better, worse = f"Yes, {number}.", f"No, not {number}."
        better += " Indeed so." * int(random.integers(0, 2)) * 3
        rows.append({"prompt": f"Is it {number}?", "response_a": better, "response_b": worse, "label": "a"})
        gold |= {better: 1.0, worse: 0.0}
    return rows, gold


def test_judge_check_measures_the_biases_that_were_planted(finished: Workspace, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    rows, gold = known_pairs()
    (project.root / "known.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    table = pd.DataFrame(rows)
    longer = float(
        (table["response_a"].str.split().str.len() > table["response_b"].str.split().str.len()).mean()
    )
    first, length = 0.3, 0.5
    with Running(tmp_path, latency=0.0, prefers_first=first, prefers_longer=length, gold=gold) as server:
        values = (*judged_by(server), "--set", "label.labeler=llm_judge")
        assert project.realign("run", *values, "--until", "embed").returncode == 0
        done = project.realign("judge-check", "known.jsonl", "--json", "check.json")
        assert done.returncode == 0, done.stdout[-2000:]
        bought = server.counts()["sold"]
        assert bought == 2 * len(rows)
        found = read_json(project.root / "check.json")["figures"]
        truth = {
            "position_bias": first + (1 - first) / 2,
            "consistency": (1 - first) ** 2 + first * (1 - first),
            # A verdict on which both orders agree is the judge's own: the longer one, or the better one.
            "accuracy": 1 - length * (1 - longer),
        }
        for name, value in truth.items():
            assert found[name]["low"] <= value <= found[name]["high"], (name, value, found[name])
        bias = found["length"]["bias"]
        assert bias["low"] <= length * (1 - longer) <= bias["high"]
        assert "position" not in done.stdout and "names the response shown first" in done.stdout

        refused = project.realign(
            "run", "--set", "label.known_pairs=known.jsonl", "--set", "label.min_accuracy=0.95",
            "--until", "label",
        )  # fmt: skip
        assert refused.returncode == 2 and "llm_judge is not good enough" in refused.stdout
        assert server.counts()["sold"] == bought, "what the check bought is not bought again, nothing else is"
