"""Figures of a labeler: as scikit-learn and evalica have them, and planted biases lie in their intervals."""

import json

import evalica
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss

from realign.evaluation import calibration as cal
from realign.evaluation.intervals import Resampling
from realign.evaluation.judge_quality import consistency, figures, length_bias, position_bias

HOW = Resampling(400, 0.95, 7)


def _labeled(seed: int, n: int = 600) -> dict:
    random = np.random.default_rng(seed)
    p_a = random.beta(0.6, 0.6, n)
    winner = np.where(p_a > 0.5, "a", "b").astype(object)
    winner[np.abs(p_a - 0.5) < 0.05] = "tie"
    winner[random.random(n) < 0.05] = "both_bad"
    winner[random.random(n) < 0.05] = "abstained"
    return {
        "winner": winner,
        "p_a": p_a,
        "answer": np.where(
            random.random(n) < 0.15, "tie", np.where(random.random(n) < 0.3 + 0.4 * p_a, "a", "b")
        ),
        "length_a": random.integers(1, 60, n).astype(float),
        "length_b": random.integers(1, 60, n).astype(float),
        "pair_ids": np.array([f"pair{i}" for i in range(n)], dtype=object),
        "first_ab": random.choice(["a", "b", "tie", ""], n),
        "first_ba": random.choice(["a", "b", "tie", ""], n),
    }


def _biased_judge(seed: int, n: int, prefers_first: float, accuracy: float = 0.8) -> tuple[np.ndarray, ...]:
    """Both orders of a judge that names the first one blindly with this probability, else is `accuracy` right."""
    random = np.random.default_rng(seed)
    answer = random.choice(["a", "b"], n)
    other = np.where(answer == "a", "b", "a")
    orders = []
    for shown_first in ("a", "b"):
        honest = np.where(random.random(n) < accuracy, answer, other)
        orders.append(np.where(random.random(n) < prefers_first, shown_first, honest))
    return answer, *orders


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_and_coverage_are_scikit_learns(seed):
    data = _labeled(seed)
    found = figures(**data, how=HOW)
    known = np.isin(data["answer"], ["a", "b"])
    judged = known & np.isin(data["winner"], ["a", "b"])
    expected = accuracy_score(data["answer"][judged], data["winner"][judged].astype(str))
    assert found["accuracy"]["value"] == pytest.approx(expected, abs=1e-6)
    assert found["accuracy"]["n"] == judged.sum()
    assert found["accuracy"]["low"] < expected < found["accuracy"]["high"]
    assert found["coverage"]["value"] == pytest.approx(judged.sum() / known.sum(), abs=1e-6)
    assert found["pairs"] == 600
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_with_half_ties_is_evalicas_score_of_right_against_wrong(seed):
    data = _labeled(seed)
    found = figures(**data, how=HOW)["accuracy_ties_half"]
    used = np.isin(data["answer"], ["a", "b"]) & (data["winner"] != "abstained")
    said, true = data["winner"][used], data["answer"][used]
    level = np.isin(said, ["tie", "both_bad"])
    outcome = [
        evalica.Winner.Draw if tie else evalica.Winner.X if one == two else evalica.Winner.Y
        for tie, one, two in zip(level, said, true, strict=True)
    ]
    n = len(outcome)
    scores = evalica.counting(["right"] * n, ["wrong"] * n, outcome, win_weight=1.0, tie_weight=0.5).scores
    assert found["n"] == n
    assert found["value"] == pytest.approx(scores["right"] / n, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_calibration_is_scikit_learns(seed):
    random = np.random.default_rng(seed)
    p = np.r_[random.uniform(0.3, 1, 500), [0.5, 0.6, 0.7, 1.0]]
    right = random.random(504) < p**2
    true, said = calibration_curve(right, p, n_bins=10, strategy="uniform")
    rows = cal.curve(p, right, 0.95)
    assert [row["accuracy"]["value"] for row in rows] == pytest.approx(list(true), abs=1e-6)
    assert [row["p"] for row in rows] == pytest.approx(list(said), abs=1e-6)
    sizes = np.array([row["accuracy"]["n"] for row in rows])
    assert sizes.sum() == 504
    assert cal.ece(p, right) == pytest.approx(float(sizes @ np.abs(true - said)) / 504)
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    assert cal.log_loss(p, right) == pytest.approx(log_loss(right, clipped))


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_planted_one_and_no_grid_point_beats_it(planted):
    random = np.random.default_rng(3)
    honest = random.uniform(0.05, 0.95, 6000)
    right = random.random(6000) < honest
    said = cal.scale(honest, 1 / planted)  # sharper than it should be by this factor
    found = cal.temperature(said, right)
    assert found == pytest.approx(planted, rel=0.1)
    losses = [log_loss(right, cal.scale(said, t)) for t in np.geomspace(0.05, 50, 200)]
    assert log_loss(right, cal.scale(said, found)) <= min(losses) + 1e-7


def test_scaling_mends_an_overconfident_labeler_on_pairs_it_was_not_fitted_on():
    random = np.random.default_rng(5)
    honest = random.uniform(0.5, 0.95, 3000)
    right = random.random(3000) < honest
    found = cal.calibration(cal.scale(honest, 0.3), right, [f"{i}" for i in range(3000)], 0.95)
    assert found["ece"] > 0.1
    assert found["ece_scaled"] < 0.04
    assert found["log_loss_scaled"] < found["log_loss"]
    assert found["temperature"] == pytest.approx(1 / 0.3, rel=0.15)
    assert all(row["accuracy"]["low"] <= row["accuracy"]["value"] for row in found["curve"])


def test_each_half_is_scaled_by_the_other_and_the_halves_are_by_id():
    random = np.random.default_rng(6)
    p, right = random.uniform(0.5, 1, 200), random.random(200) < 0.7
    names = [f"{i}" for i in range(200)]
    found = cal.calibration(p, right, names, 0.95)
    order = random.permutation(200)
    again = cal.calibration(p[order], right[order], [names[i] for i in order], 0.95)
    assert again["ece_scaled"] == pytest.approx(found["ece_scaled"], abs=1e-6)
    assert found["log_loss_scaled"] >= cal.log_loss(cal.scale(p, found["temperature"]), right) - 1e-6
    assert cal.calibration(p, right, names[:1] * 200, 0.95)["ece_scaled"] is None


@pytest.mark.parametrize(("pairs", "shown"), [(0, False), (1, False), (49, False), (50, True)])
def test_calibration_of_few_pairs_is_not_known(pairs, shown):
    p, right = np.linspace(0.5, 1, pairs), np.arange(pairs) % 3 > 0
    found = cal.calibration(p, right, [f"{i}" for i in range(pairs)], 0.95)
    assert (found is not None) == shown


@pytest.mark.parametrize("planted", [0.0, 0.3, 0.8])
def test_a_planted_position_bias_is_in_its_interval(planted):
    true = planted + (1 - planted) / 2  # blind picks, and half of the honest ones
    covered = widths = 0
    for seed in range(40):
        _, ab, ba = _biased_judge(seed, 300, planted)
        found = position_bias(ab, ba, HOW)
        covered += found.low <= true <= found.high
        widths += found.high - found.low
        assert planted == 0 or found.low > 0.5
    assert covered >= 36
    assert widths / 40 < 0.15


def test_a_judge_that_only_looks_at_the_place():
    ab, ba = np.array(["a"] * 50), np.array(["b"] * 50)
    found = position_bias(ab, ba, HOW)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 50), abs=1e-6)
    assert consistency(ab, ba, HOW).value == 0.0


def test_consistency_and_position_by_hand():
    ab = np.array(["a", "a", "tie", "b", "", "a", "both_bad"], dtype=object)
    ba = np.array(["a", "b", "tie", "", "b", None, "a"], dtype=object)
    same = consistency(ab, ba, HOW)
    assert (same.value, same.n) == (0.5, 4)
    # first named: 1/2, 2/2, -, 0/1, 1/1, 1/1, 0/1
    place = position_bias(ab, ba, HOW)
    assert (place.value, place.n) == (pytest.approx(3.5 / 6, abs=1e-6), 6)


@pytest.mark.parametrize("planted", [0.0, 0.25, 0.6])
def test_a_planted_length_bias_is_in_its_interval(planted):
    # answers favour the longer one in 60 of 100; the judge names it blindly in `planted` of all cases
    covered = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        long_a = random.random(400) < 0.5
        longer, shorter = np.where(long_a, "a", "b"), np.where(long_a, "b", "a")
        answer = np.where(random.random(400) < 0.6, longer, shorter)
        winner = np.where(random.random(400) < planted, longer, answer)
        lengths = np.where(long_a, 30.0, 12.0), np.where(long_a, 12.0, 30.0)
        found = length_bias(winner, answer, *lengths, HOW)
        assert found["bias"].value == pytest.approx(
            found["longer_named"].value - found["longer_right"].value, abs=1e-5
        )
        covered += found["bias"].low <= planted * 0.4 <= found["bias"].high
        assert planted == 0 or found["bias"].low > 0
    assert covered >= 36


def test_equal_lengths_say_nothing_of_length():
    found = figures(**(_labeled(1) | {"length_a": np.ones(600), "length_b": np.ones(600)}), how=HOW)
    assert found["length"] == {"longer_named": None, "longer_right": None, "bias": None}


def test_what_is_no_answer_is_unanswered_and_no_mistake():
    data = {
        "winner": np.array(["a", "", "abstained", "over_budget", "tie", "b"], dtype=object),
        "p_a": np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.2]),
        "answer": np.array(["a", "a", "b", "a", "tie", "a"], dtype=object),
        "length_a": np.arange(6.0),
        "length_b": np.full(6, 2.5),
        "pair_ids": np.array(list("123456"), dtype=object),
    }
    found = figures(**data, how=HOW)
    assert found["unanswered"]["value"] == 0.5
    assert found["ties"]["value"] == pytest.approx(1 / 6, abs=1e-6)
    assert found["ties_found"]["value"] == 1.0
    assert (found["accuracy"]["value"], found["accuracy"]["n"]) == (0.5, 2)
    assert (found["coverage"]["value"], found["coverage"]["n"]) == (0.4, 5)
    assert found["consistency"] is None
    assert found["position_bias"] is None
    assert found["calibration"] is None
    data["pair_ids"] = np.array([f"{i}" for i in range(180)], dtype=object)
    found = figures(**{name: np.resize(values, 180) for name, values in data.items()}, how=HOW)
    # 0.9 of a, right; 0.8 of b, wrong
    assert found["calibration"]["n"] == 60
    assert [row["p"] for row in found["calibration"]["curve"]] == [0.8, 0.9]
    assert found["calibration"]["ece"] == pytest.approx((0.1 + 0.8) / 2)


def test_a_labeler_that_never_decides_has_no_accuracy():
    data = _labeled(0) | {"winner": np.full(600, "tie", dtype=object)}
    found = figures(**data, how=HOW)
    assert found["accuracy"] is None
    assert found["calibration"] is None
    assert found["coverage"]["value"] == 0.0
    assert found["accuracy_ties_half"]["value"] == 0.5
