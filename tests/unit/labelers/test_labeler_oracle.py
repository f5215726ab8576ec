"""oracle: Bradley and Terry's choices from the quality gap, one verdict a pair whoever asks."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from unit_builders import request

from realign.data.simulation.qualities import qualities
from realign.data.simulation.rule import quality
from realign.labelers.oracle import label as oracle

RULE = json.dumps({"task": "arithmetic", "answer": 7, "given": [3, 4]})
TEXTS = ("It is 7.", "It is 8.", "It is 9, you fool.", "i guess 7")


def pairs(texts_a, texts_b, prefix="p"):
    return pd.DataFrame(
        {
            "pair_id": [f"{prefix}{i}" for i in range(len(texts_a))],
            "rule": RULE,
            "text_a": texts_a,
            "text_b": texts_b,
        }
    )


def ask(table, tmp_path, seed=7, **settings):
    return oracle(request(table, tmp_path, seed=seed, label=settings))


def test_quality_is_the_rules(tmp_path):
    found = qualities(pairs(TEXTS, TEXTS), "text_a")
    assert found.tolist() == [quality(json.loads(RULE), text) for text in TEXTS]
    assert len(set(found)) == len(TEXTS)


@pytest.mark.parametrize(("better", "worse"), [(0, 1), (0, 3), (3, 1)])
@pytest.mark.parametrize("temperature", [0.15, 0.5])
def test_the_better_one_wins_as_often_as_bradley_and_terry_say(tmp_path, better, worse, temperature):
    count = 1500
    table = pairs([TEXTS[better]] * count, [TEXTS[worse]] * count)
    found = ask(table, tmp_path, temperature=temperature)
    gap = np.subtract(*[quality(json.loads(RULE), TEXTS[at]) for at in (better, worse)])
    expected = expit(gap / temperature)
    assert 0.5 < expected < 0.999
    assert found.p_a == pytest.approx(expected)
    rate = (found.winner == "a").mean()
    assert abs(rate - expected) < 4 * np.sqrt(expected * (1 - expected) / count)
    assert set(found.winner) == {"a", "b"}


def test_a_pairs_verdict_does_not_depend_on_its_neighbours(tmp_path):
    random = np.random.default_rng(0)
    a, b = (random.choice(TEXTS, 40).tolist() for _ in range(2))
    table = pairs(a, b)
    together = ask(table, tmp_path)
    order = random.permutation(40)
    mixed = ask(table.iloc[order].reset_index(drop=True), tmp_path)
    assert mixed.winner.tolist() == together.winner[order].tolist()
    assert [ask(table.iloc[[at]], tmp_path).winner[0] for at in range(8)] == together.winner[:8].tolist()


def test_another_seed_is_another_annotator(tmp_path):
    table = pairs([TEXTS[0]] * 200, [TEXTS[3]] * 200)
    one, other = (ask(table, tmp_path, seed=seed, temperature=0.5).winner.tolist() for seed in (7, 8))
    assert one != other


def test_a_gap_up_to_the_tie_gap_is_a_tie_and_keeps_its_probability(tmp_path):
    gap = abs(np.subtract(*qualities(pairs(TEXTS[:2], TEXTS[:2]), "text_a")))
    table = pairs([TEXTS[0], TEXTS[1], TEXTS[0]], [TEXTS[1], TEXTS[0], TEXTS[0]])
    assert ask(table, tmp_path, tie_gap=0.0).winner[2] == "tie"
    assert set(ask(table, tmp_path, tie_gap=0.0).winner[:2]) <= {"a", "b"}
    assert ask(table, tmp_path, tie_gap=float(gap)).winner.tolist() == ["tie"] * 3
    assert "tie" not in ask(table, tmp_path, tie_gap=float(gap) * 0.999).winner[:2]
    found = ask(table, tmp_path, tie_gap=1.0)
    assert found.p_a[0] == pytest.approx(1 - found.p_a[1])
    assert found.p_a[2] == 0.5


def test_the_verdict_says_that_it_is_simulated(tmp_path):
    assert ask(pairs(["x"], ["y"]), tmp_path).labeler == "oracle (simulated, temperature 0.15)"
