"""Consensus: beats the majority, flips no coin, does not depend on order."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from simulated_votes import simulate, votes

from realign.labelers.human.consensus import aggregate, models

PLANTED = {"ann": 0.95, "bob": 0.8, "cid": 0.6}
TRUTH = {"a": 0.4, "b": 0.4, "tie": 0.2}
METHODS = ("majority", "dawid_skene", "mace")


@cache
def _many(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    return simulate(seed, 1500, PLANTED, TRUTH)


@cache
def _consensus(seed: int, method: models.Method) -> pd.DataFrame:
    return aggregate(_many(seed)[0], method).set_index("pair_id")


def _accuracy(seed: int, method: models.Method) -> float:
    return float((_consensus(seed, method)["winner"] == _many(seed)[1]).mean())


@pytest.fixture
def one_start(monkeypatch):
    """MACE from one start only, where its optimum is not the question: each costs seconds."""
    monkeypatch.setattr(models, "_MACE_RESTARTS", 1)


@pytest.mark.parametrize(("method", "seed"), [("dawid_skene", 0), ("dawid_skene", 1), ("mace", 0)])
def test_the_consensus_beats_the_majority(method, seed):
    assert _accuracy(seed, method) > _accuracy(seed, "majority")


def test_dawid_skene_is_as_good_as_the_best_annotator_and_clearly_better_than_the_majority():
    cast, truth = _many(0)
    best = cast[cast["annotator"] == "ann"].set_index("pair_id")["winner"].eq(truth).mean()
    ours = _accuracy(0, "dawid_skene")
    assert ours > _accuracy(0, "majority") + 0.02
    assert ours > best - 0.01


def test_its_probability_is_honest():
    truth = _many(1)[1]
    wanted = truth.map({"a": 1.0, "b": 0.0, "tie": 0.5})
    ours, theirs = (_consensus(1, m)["p_a"] for m in ("dawid_skene", "majority"))
    assert ours.mean() == pytest.approx(wanted.mean(), abs=0.03)
    assert ((ours - wanted) ** 2).mean() < 0.8 * ((theirs - wanted) ** 2).mean()
    sure = ours > 0.99
    assert sure.sum() > 100
    assert (truth[sure[sure].index] == "a").mean() > 0.95


@pytest.mark.usefixtures("one_start")
@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_votes_and_the_run_do_not_matter(method):
    said, _ = simulate(2, 60, PLANTED, {"a": 0.3, "b": 0.3, "tie": 0.2, "both_bad": 0.2})
    one, other = (aggregate(frame, method, seed=5) for frame in (said, said.sample(frac=1, random_state=9)))
    pd.testing.assert_frame_equal(one, other)
    assert list(one.columns) == ["pair_id", "winner", "p_a", "votes"]
    assert one["pair_id"].is_monotonic_increasing


@pytest.mark.usefixtures("one_start")
def test_mace_takes_nobody_for_somebody_else_and_no_class_for_another():
    # zed, who comes first though last by name, always says 'tie', which comes first though last by name
    rows = [("p00", "zed", "tie")]
    for number in range(1, 60):
        right = "b" if number % 2 else "a"
        rows += [(f"p{number:02}", who, right) for who in ("ann", "bob")] + [(f"p{number:02}", "zed", "tie")]
    agreed = aggregate(votes(rows), "mace").set_index("pair_id")
    assert agreed["winner"].iloc[1:].tolist() == ["b", "a"] * 29 + ["b"]
    assert agreed["p_a"].iloc[1:].between(0.02, 0.98).sum() == 0


def test_majority_by_hand():
    said = votes([
        ("1", "ann", "a"), ("1", "bob", "a"), ("1", "cid", "tie"),
        ("2", "ann", "b"), ("2", "bob", "both_bad"), ("2", "cid", "b"), ("2", "dan", "a"),
        ("3", "ann", "both_bad"),
    ])  # fmt: skip
    assert aggregate(said, "majority").to_dict("list") == {
        "pair_id": ["1", "2", "3"],
        "winner": ["a", "b", "both_bad"],
        "p_a": [pytest.approx(2.5 / 3, abs=1e-6), pytest.approx(0.375), 0.5],
        "votes": [3, 4, 1],
    }


@pytest.mark.parametrize("method", ["majority", "dawid_skene"])
@pytest.mark.parametrize("sides", [("a", "b"), ("b", "tie"), ("both_bad", "a")])
def test_equally_probable_answers_are_a_tie_and_no_coin_flip(method, sides):
    # two people who contradict each other throughout, both ways alike: nobody is more reliable
    rows = [(f"{n}", who, sides[(n + k) % 2]) for n in range(20) for k, who in enumerate(("ann", "bob"))]
    found = aggregate(votes(rows), method)
    assert set(found["winner"]) == {"tie"}
    assert set(found["p_a"]) == {0.5}


@pytest.mark.parametrize("method", ["majority", "dawid_skene"])
def test_only_first_votes_that_say_something_enter(method):
    first = [("1", "ann", "a"), ("1", "bob", "a"), ("2", "ann", "b"), ("2", "bob", "b")]
    again = votes([("1", "ann", "b"), ("2", "ann", "a"), ("3", "ann", "a")], occasion=1)
    empty = votes([("1", "cid", "abstain"), ("4", "cid", "abstain")])
    machine = votes([("1", "robot", "b"), ("5", "robot", "b")]).assign(kind="llm_judge")
    whole = pd.concat([again, empty, machine, votes(first)], ignore_index=True)
    found = aggregate(whole, method)
    pd.testing.assert_frame_equal(found, aggregate(votes(first), method))
    assert found["winner"].tolist() == ["a", "b"]
    assert found["votes"].tolist() == [2, 2]


def test_who_answered_under_two_instructions_is_counted_once_with_the_last_answer():
    old = votes([("1", "ann", "a")])
    new = votes([("1", "ann", "b")]).assign(label_id="0", given_at="2030-01-02T00:00:00.000+00:00")
    found = aggregate(pd.concat([new, old]), "majority")
    assert found[["winner", "votes"]].to_numpy().tolist() == [["b", 1]]


@pytest.mark.usefixtures("one_start")
def test_a_later_revision_counts_whatever_the_clock_said():
    ahead = votes([("1", "ann", "a")]).assign(given_at="2099-01-01T00:00:00.000+00:00", revision=1)
    later = votes([("1", "ann", "b")]).assign(label_id="0", revision=2)
    assert aggregate(pd.concat([later, ahead]), "majority")["winner"].tolist() == ["b"]


@pytest.mark.parametrize("method", METHODS)
def test_one_person_one_class_and_nobody(method):
    alone = votes([("1", "ann", "a"), ("2", "ann", "b"), ("3", "ann", "both_bad")])
    assert aggregate(alone, method)["winner"].tolist() == ["a", "b", "both_bad"]
    same = votes([("1", "ann", "a"), ("2", "ann", "a"), ("1", "bob", "a")])
    found = aggregate(same, method)
    assert found["winner"].tolist() == ["a", "a"]
    assert np.allclose(found["p_a"], 1.0)
    nobody = aggregate(votes([]), method)
    assert nobody.empty
    assert list(nobody.columns) == ["pair_id", "winner", "p_a", "votes"]
