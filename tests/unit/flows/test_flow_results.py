"""The result table: the figures as they stand, unknown ones said so."""

import io
import json
import shutil

import pytest
from rich.console import Console
from unit_builders import ROOT

from flows import output, results
from realign.errors import UserError


def figure(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 9, "method": "x"}


METRICS = {
    "model": {
        name: figure(0.5)
        for name in ("win_rate", "pair_accuracy", "reward_margin", "kl_nats_per_response", "length_ratio")
    },
    "strategies": {"easy": {"label_error": figure(0.25)}, "hard": {"label_error": None}},
    "scorer": {"kind": "rule"},
    "labeler": "test",
    "confidence": 0.9,
}


def test_rows_hold_value_interval_and_count():
    rows = results.rows(METRICS)
    assert rows[0] == {"figure": "win_rate", "value": 0.5, "low": 0.4, "high": 0.6, "prompts": 9}
    assert rows[-2] == {
        "figure": "label_error of easy",
        "value": 0.25,
        "low": 0.15,
        "high": 0.35,
        "prompts": 9,
    }
    assert rows[-1] == {
        "figure": "label_error of hard",
        "value": None,
        "low": None,
        "high": None,
        "prompts": 0,
    }


def test_the_table_names_confidence_labeler_and_report(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "metrics.json").write_text(json.dumps(METRICS))
    out = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=out, width=100))
    results.show(tmp_path)
    shown = out.getvalue()
    assert "90 % interval" in shown
    assert "0.400 to 0.600" in shown
    assert "not known" in shown
    assert "labels: test; scorer: rule" in shown
    assert str(tmp_path / "reports" / "report.html") in shown.replace("\n", "")


def test_without_a_run_there_is_nothing_to_show(tmp_path):
    with pytest.raises(UserError, match=r"metrics\.json is not there"):
        results.load(tmp_path)
