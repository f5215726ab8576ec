"""CONTRIBUTING.md's data source works with no other line changed."""

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from realign.config import params_file
from realign.data import dictionary, sources
from realign.pipeline.stages import prepare
from realign.store.work import Work

HOME = Path(__file__).parents[2]


@pytest.fixture
def votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sources.Source:
    """The worked example, dropped in beside the shapes that come with realign."""
    text = (HOME / "CONTRIBUTING.md").read_text()
    found = re.search(r"`src/realign/data/sources/(votes\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert found
    (tmp_path / found[1]).write_text(found[2])
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    return sources.sources()["votes"]


def test_prepare_reads_a_source_that_was_dropped_in(votes: sources.Source, tmp_path: Path) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text(
        json.dumps(votes.example) + "\n" + json.dumps({"question": "Why?", "answers": {"So.": None}})
    )
    document = YAML(typ="safe").load((HOME / "params.yaml").read_text())
    document["prepare"] |= {"source": "votes", "max_share_dropped": 0.5}
    settings = params_file.Params.model_validate(document)
    made = prepare.run(
        prepare.Inputs(raw), prepare.Settings(settings.seed, settings.prepare), Work(tmp_path, "prepare")
    )
    assert made.given["text"].tolist() == ["Eight minutes.", "No idea."]
    assert made.scores["annotator"].tolist() == ["votes", "votes"]
    assert made.quarantine_prepare["reason"].tolist() == ["wrong_type"]


def test_its_shape_is_documented(votes: sources.Source) -> None:
    text = dictionary.updated((HOME / dictionary.README).read_text())
    assert f"### `votes`\n\n{votes.about}" in text
    assert (
        "Comes with: responses, scores (by `votes`). A second row about the same prompt joins the first."
        in text
    )
