"""Agreement: alpha is evalica's and its interval covers; shares and disputes by hand."""

import evalica
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_votes import simulate, votes

from realign.labelers.human.consensus import (
    against_known,
    aggregate,
    agreement,
    alpha,
    disputes,
    self_agreement,
)

PLANTED = {"ann": 0.95, "bob": 0.8, "cid": 0.6}
TRUTH = {"a": 0.4, "b": 0.4, "tie": 0.2}


def _true_alpha() -> float:
    """Alpha of endlessly many pairs: 1 - P(two annotators differ) / P(two values at random differ)."""
    truth = np.array(list(TRUTH.values()))
    says = [
        {t: np.where(np.arange(3) == t, share, (1 - share) / 2) for t in range(3)}
        for share in PLANTED.values()
    ]
    same = np.mean([
        sum(truth[t] * (says[i][t] @ says[j][t]) for t in range(3)) for i, j in ((0, 1), (0, 2), (1, 2))
    ])  # fmt: skip
    margin = sum(truth[t] * says[i][t] for t in range(3) for i in range(3)) / 3
    return float(1 - (1 - same) / (1 - margin @ margin))


@pytest.mark.parametrize("pairs", [40, 150])
def test_alphas_interval_covers_the_truth(pairs):
    true = _true_alpha()
    covered = 0
    for seed in range(100):
        said, _ = simulate(seed, pairs, PLANTED, TRUTH)
        found = alpha(said, 0.95, 200, seed)
        assert found.low < found.value < found.high
        covered += found.low <= true <= found.high
    # 95 % nominal; evalica's own bootstrap covers 85 to 89 % here
    assert 0.9 <= covered / 100 <= 0.99


def test_alpha_is_evalicas_and_so_is_the_formula_that_is_resampled():
    from realign.labelers.human.consensus.measures import _alpha

    said, _ = simulate(4, 80, PLANTED, TRUTH)
    said = said.sample(frac=0.7, random_state=1)  # not everybody votes on everything
    table = said.pivot(index="annotator", columns="pair_id", values="winner")
    reference = evalica.alpha(table).alpha
    found = alpha(said, 0.9, 200, 0)
    assert found.value == pytest.approx(reference, abs=1e-6)
    assert found.n == int((said.groupby("pair_id").size() > 1).sum())
    assert found.method == "bootstrap BCa over pairs"
    several = said[said.groupby("pair_id")["annotator"].transform("size") > 1]
    counts = several.groupby(["pair_id", "winner"]).size().unstack(fill_value=0).to_numpy(dtype=float)
    number = counts.sum(1)
    differs = (number**2 - (counts**2).sum(1)) / (number - 1)
    assert _alpha(differs, *counts.T) == pytest.approx(reference, abs=1e-12)


def test_alpha_repeats_and_widens_with_confidence():
    said, _ = simulate(5, 60, PLANTED, TRUTH)
    one = alpha(said, 0.9, 300, 1)
    assert one == alpha(said.sample(frac=1, random_state=3), 0.9, 300, 1)
    wide = alpha(said, 0.99, 300, 1)
    assert wide.high - wide.low > one.high - one.low


@pytest.mark.parametrize(
    "said",
    [
        [],
        [("1", "ann", "a"), ("2", "ann", "b")],
        [("1", "ann", "a"), ("2", "bob", "b")],
        [("1", "ann", "a"), ("1", "bob", "a"), ("2", "ann", "a"), ("2", "bob", "a")],
        [("1", "ann", "a"), ("1", "bob", "abstain")],
        [("1", "ann", "a"), ("1", "bob", "b")],
    ],
)
def test_alpha_that_is_not_defined_is_none(said):
    assert alpha(votes(said), 0.95, 200, 0) is None


def test_alpha_of_full_agreement_is_one():
    said = votes([(str(n), who, "a" if n % 3 else "b") for n in range(30) for who in ("ann", "bob")])
    found = alpha(said, 0.95, 200, 0)
    assert (found.value, found.low, found.high, found.n) == (1.0, 1.0, 1.0, 30)


def test_agreement_with_the_consensus_has_exact_intervals():
    said = votes(
        [(str(n), "ann", "a") for n in range(10)]
        + [(str(n), "bob", "a") for n in range(10)]
        + [(str(n), "cid", "a" if n < 7 else "b") for n in range(10)]
        + [("0", "dan", "abstain")]
    )
    found = agreement(said, aggregate(said, "majority"), confidence=0.9).set_index("annotator")
    assert found.loc["cid", ["votes", "agreement"]].tolist() == [10, 0.7]
    exact = stats.binomtest(7, 10).proportion_ci(0.9)
    assert found.loc["cid", ["low", "high"]].tolist() == pytest.approx([exact.low, exact.high], abs=1e-6)
    assert found.loc["ann", "agreement"] == 1.0
    assert list(found.index) == ["ann", "bob", "cid"]


def test_against_known_counts_first_votes_on_known_pairs_only():
    said = votes([
        ("1", "ann", "a"), ("2", "ann", "b"), ("3", "ann", "both_bad"), ("9", "ann", "a"),
        ("1", "bob", "b"), ("2", "bob", "abstain"),
    ])  # fmt: skip
    again = votes([("1", "bob", "a")], occasion=1)
    known = pd.Series({"1": "a", "2": "a", "3": "tie", "4": "b"})
    found = against_known(pd.concat([said, again]), known, 0.95)
    assert found[["annotator", "n"]].to_numpy().tolist() == [["ann", 3], ["bob", 1]]
    assert found["accuracy"].tolist() == pytest.approx([2 / 3, 0.0], abs=1e-6)
    assert found["high"].iloc[1] == pytest.approx(0.975)


def test_self_agreement_compares_repeats_with_the_first_answer():
    first = votes([("1", "ann", "a"), ("2", "ann", "b"), ("3", "ann", "tie"), ("1", "bob", "a")])
    again = votes([("1", "ann", "a"), ("2", "ann", "a"), ("3", "ann", "abstain"), ("7", "bob", "a")], 1)
    found = self_agreement(pd.concat([again, first]), 0.95)
    assert found[["annotator", "n", "agreement"]].to_numpy().tolist() == [["ann", 2, 0.5]]


def test_disputes_come_worst_first():
    said = votes([
        ("1", "ann", "a"), ("1", "bob", "a"), ("1", "cid", "b"),
        ("2", "ann", "a"), ("2", "bob", "b"),
        ("3", "ann", "a"), ("3", "bob", "a"),
        ("4", "ann", "tie"), ("4", "bob", "a"), ("4", "cid", "both_bad"),
        ("5", "ann", "b"), ("5", "bob", "tie"),
        ("6", "ann", "b"), ("6", "bob", "tie"), ("6", "cid", "b"), ("6", "dan", "tie"),
    ])  # fmt: skip
    found = disputes(said)
    assert list(found.columns) == ["pair_id", "entropy", "votes", "a", "b", "tie", "both_bad"]
    assert found["pair_id"].tolist() == ["4", "6", "2", "5", "1"]
    assert found["entropy"].tolist() == pytest.approx([np.log2(3), 1.0, 1.0, 1.0, 0.918296], abs=1e-6)
    assert found.iloc[0][["a", "b", "tie", "both_bad"]].tolist() == [1, 0, 1, 1]


def test_without_votes_there_are_tables_without_rows():
    none = votes([])
    assert agreement(none, aggregate(none, "majority"), 0.95).empty
    assert against_known(none, pd.Series(dtype="str"), 0.95).empty
    assert self_agreement(none, 0.95).empty
    assert disputes(none).empty
    assert list(disputes(none).columns)[:2] == ["pair_id", "entropy"]
