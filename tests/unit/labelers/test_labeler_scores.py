"""scores: the data's own annotator, by name; silence where it scored nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from unit_builders import request

from realign.errors import UserError
from realign.labelers.base import by_gap, score_gap
from realign.labelers.scores import label as scores
from realign.store.labels import NO_LABEL

PAIRS = pd.DataFrame(
    {"pair_id": ["1", "2", "3", "4"], "response_a": ["w", "x", "y", "w"], "response_b": ["x", "w", "z", "q"]}
)
SCORES = pd.DataFrame(
    {"response_id": ["w", "x", "y", "z", "w", "x", "q"], "annotator": ["ann"] * 4 + ["bob"] * 3,
     "score": [1.0, 0.5, 2.0, 2.0, 0.0, 3.0, 9.0]}
)  # fmt: skip


def ask(tmp_path, table=SCORES, **settings):
    return scores(request(PAIRS, tmp_path, scores=table, label=settings))


def test_the_higher_score_wins_and_the_gap_says_how_surely(tmp_path):
    found = ask(tmp_path, annotator="ann", temperature=0.5)
    assert found.winner.tolist() == ["a", "b", "tie", NO_LABEL]
    assert found.p_a.tolist() == pytest.approx([expit(1.0), expit(-1.0), 0.5, 0.5])
    assert found.labeler == "scores: ann"


def test_each_annotator_speaks_for_himself(tmp_path):
    found = ask(tmp_path, annotator="bob")
    assert found.winner.tolist() == ["b", "a", NO_LABEL, "b"]


def test_a_small_gap_is_a_tie_where_asked_for(tmp_path):
    assert ask(tmp_path, annotator="ann", tie_gap=0.5).winner.tolist() == ["tie", "tie", "tie", NO_LABEL]
    assert ask(tmp_path, annotator="ann", tie_gap=0.49).winner.tolist() == ["a", "b", "tie", NO_LABEL]


def test_an_unknown_annotator_names_those_that_exist(tmp_path):
    with pytest.raises(UserError, match=r"label\.annotator is 'eve'.*it has ann, bob"):
        ask(tmp_path, annotator="eve")
    with pytest.raises(UserError, match="it has no scores at all"):
        ask(tmp_path, table=SCORES.iloc[:0], annotator="ann")


def test_gaps_are_signed_and_unknown_where_a_score_is_missing():
    assert score_gap(PAIRS, SCORES, "ann").tolist()[:3] == [0.5, -0.5, 0.0]
    assert np.isnan(score_gap(PAIRS, SCORES, "ann")[3])


def test_gaps_become_winners():
    gaps = np.array([0.2, -0.2, 0.1, -0.1, 0.0, np.nan])
    assert by_gap(gaps, 0.1).tolist() == ["a", "b", "tie", "tie", "tie", NO_LABEL]
    assert by_gap(gaps, 0.0).tolist() == ["a", "b", "a", "b", "tie", NO_LABEL]
