"""A labeler is one file, a judge's backend is one file: each dropped in here, found by its name and used."""

from __future__ import annotations

import sys

import pytest
from judge_builders import label, pairs, request

import realign.labelers
import realign.labelers.llm_judge.backends as backends
from realign.errors import UserError
from realign.labelers import registry
from realign.labelers.llm_judge import backend

LABELER = '''
"""shortest: the shorter response is better."""

import numpy as np

from realign.labelers.base import Labeler, LabelRequest, Labels


def label(request: LabelRequest) -> Labels:
    """The response with fewer characters."""
    a, b = (request.pairs[side].str.len().to_numpy() for side in ("text_a", "text_b"))
    return Labels(np.where(a < b, "a", "b"), np.where(a < b, 1.0, 0.0), "shortest")


def problems(params):
    """It cannot be held to an accuracy."""
    return ["label.min_judge_accuracy: shortest"] if params.label.min_judge_accuracy else []


LABELER = Labeler(label, problems)
'''

BACKEND = '''
"""echo: a judge that always prefers the response that holds an answer."""

import json

from realign.labelers.llm_judge.backend import Backend, Completion
from realign.labelers.llm_judge.form import json_form


class Echo:
    batch, at_once = 3, 2

    def __init__(self, judge, form, host):
        self.sold = 0

    async def ask(self, calls):
        completions = []
        for call in calls:
            first = call.chat[0]["content"].partition("first response")[2].partition("second response")[0]
            word = "first" if "The answer is" in first else "second"
            completions.append(Completion(json.dumps({"winner": word, "confidence": 0.75}), 7, 3))
        return completions

    async def close(self):
        pass


BACKEND = Backend(Echo, lambda judge: json_form(judge.attributes), lambda judge: [], priced=False)
'''


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """Puts a file into a package of realign, as if it lay in its folder."""

    def into(package, name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)

    return into


def test_a_labeler_is_one_file(drop, tmp_path):
    with pytest.raises(UserError):
        registry.find("shortest")
    drop(realign.labelers, "shortest", LABELER)
    assert "shortest" in registry.labelers()
    table = pairs(6)
    labels = registry.find("shortest").label(request(tmp_path, table, label(None)))
    shorter = table["text_a"].str.len() < table["text_b"].str.len()
    assert labels.winner.tolist() == ["a" if a else "b" for a in shorter]


def test_a_backend_is_one_file(drop, tmp_path):
    with pytest.raises(UserError) as told:
        backend.find("echo")
    assert told.value.code == "judge.unknown_backend"
    drop(backends, "echo", BACKEND)
    table = pairs(5)
    wanted = request(tmp_path, table, label(None, backend="echo"))
    labels = registry.find("llm_judge").label(wanted)
    assert labels.winner.tolist() == ["a" if "The answer" in text else "b" for text in table["text_a"]]
    assert labels.consistent is not None and labels.consistent.all()
    assert labels.facts["judge"]["calls"] == 10
    assert labels.facts["judge"]["money"] == 0.0
