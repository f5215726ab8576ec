"""The table that replay prints: whole at any width, and honest about a p that is tiny."""

import io

import pytest
from rich.console import Console

from flows import cli_replay, output

FIGURE = {"value": 0.0321, "low": 0.0224, "high": 0.0456}
KEYS = list(cli_replay._COLUMNS.values())


def shown(monkeypatch, width, pilot_by="random"):
    out = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=out, width=width))
    row = {"figures": dict.fromkeys(KEYS, FIGURE)}
    cli_replay.show({
        "settings": {"draws": 20, "pilot_by": pilot_by, "criteria": ["x"], "encoder": "minilm", "confidence": 0.95},
        "data": {"name": "mine", "shape": "multi", "prompts": 9, "second": "gpt4", "annotator": "turbo", "scale": "logit"},
        "strategies": {"random": row, "margin_length_bounded": row | {"p_holm": 0.0004}, "easy": row | {"p_holm": 0.25}},
        "conclusion": {"sentences": ["Said."]},
    })  # fmt: skip
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_cell_is_broken(monkeypatch, width):
    text = shown(monkeypatch, width)
    assert text.count("0.032 [0.022, 0.046]") == 3
    assert "margin_length_bounded" in text
    assert max(map(len, text.splitlines())) <= width
    assert ("longer wins" in text) == (width == 160)


def test_a_tiny_p_is_said_to_be_tiny(monkeypatch):
    text = shown(monkeypatch, 160)
    assert "< 0.001" in text and "0.250" in text and "0.000" not in text


def test_where_all_labels_are_measured_anyway_there_is_no_column_for_it(monkeypatch):
    assert "with pilot" in shown(monkeypatch, 160)
    assert "with pilot" not in shown(monkeypatch, 160, pilot_by="margin")
