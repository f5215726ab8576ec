"""The pairwise head recovers a planted quality, and never scores a prompt that it saw."""

import numpy as np
import pytest
from scipy.special import expit

from realign.models import reward_head as pairwise


def planted(n=400, d=12, seed=0, noise=0.0, per_prompt=2):
    random = np.random.default_rng(seed)
    weights = random.normal(size=d)
    a, b = random.normal(size=(2, n, d)) * np.linspace(0.2, 3, d)
    gap = (a - b) @ weights + noise * random.normal(size=n)
    names = np.array([f"p{i // per_prompt:04d}" for i in range(n)])
    return a, b, gap, names


def test_a_planted_quality_orders_new_pairs():
    a, b, gap, _ = planted(1200)
    head = pairwise.fit(a[:600], b[:600], np.sign(gap[:600]))
    assert (np.sign(head.gap(a[600:], b[600:])) == np.sign(gap[600:])).mean() > 0.93
    assert head.alpha in pairwise.ALPHAS


def test_swapping_the_two_sides_swaps_the_sign():
    a, b, gap, _ = planted()
    y = np.tanh(gap)
    one, other = pairwise.fit(a, b, y), pairwise.fit(b, a, -y)
    np.testing.assert_allclose(one.weights, other.weights)
    np.testing.assert_array_equal(one.gap(a, b), -one.gap(b, a))


def test_soft_labels_and_ties_are_targets_as_they_are():
    assert pairwise.target(np.array([0.0, 0.5, 0.75, 1.0])).tolist() == [-1.0, 0.0, 0.5, 1.0]


def test_a_kind_with_few_columns_weighs_as_much_as_one_with_many():
    """Two columns beside six are worth what they are in plain ridge when each stands there three times."""
    a, b, gap, _ = planted(300, d=8, noise=2.0)
    thrice = [np.hstack([side[:, :6], *[side[:, 6:]] * 3]) for side in (a, b)]
    one, other = pairwise.fit(a, b, np.sign(gap), columns=(6, 2)), pairwise.fit(*thrice, np.sign(gap))
    assert one.alpha == other.alpha
    np.testing.assert_allclose(one.gap(a, b), other.gap(*thrice), atol=2e-6)
    assert np.abs(one.gap(a, b) - pairwise.fit(a, b, np.sign(gap)).gap(a, b)).max() > 1e-3


def test_random_labels_teach_nothing_out_of_fold():
    a, b, _, names = planted(600)
    y = np.random.default_rng(9).choice([-1.0, 1.0], 600)
    head = pairwise.CrossFitted(a, b, y, names)
    right = (np.sign(head.gap(a, b, names)) == y).mean()
    assert 0.4 < right < 0.6
    assert head.slope < 3


def test_no_prompt_is_scored_by_a_head_that_saw_it():
    """Labels that contradict everything else, in one prompt, must not change how it is scored."""
    a, b, gap, names = planted()
    rows = names == names[0]
    flipped = np.where(rows, -50.0 * np.sign(gap), np.sign(gap))
    honest = pairwise.CrossFitted(a, b, np.sign(gap), names)
    poisoned = pairwise.CrossFitted(a, b, flipped, names)
    np.testing.assert_array_equal(
        honest.gap(a[rows], b[rows], names[rows]), poisoned.gap(a[rows], b[rows], names[rows])
    )
    fresh = np.full(rows.sum(), "unseen")
    assert (honest.gap(a[rows], b[rows], fresh) != poisoned.gap(a[rows], b[rows], fresh)).all()


def test_folds_hold_whole_prompts_and_are_about_equal():
    counts = np.bincount([pairwise.fold(f"p{i}") for i in range(5000)], minlength=5)
    assert (abs(counts - 1000) < 120).all()
    assert pairwise.fold("p1") == pairwise.fold("p1")


def test_the_length_effect_is_taken_out_of_the_target():
    random = np.random.default_rng(4)
    n, d = 800, 6
    a, b = random.normal(size=(2, n, d))
    ratio = a[:, 0] - b[:, 0] + 0.1 * random.normal(size=n)  # the first dimension is length
    y = np.sign(2 * ratio + (a - b)[:, 1])
    plain, free = pairwise.fit(a, b, y), pairwise.fit(a, b, y, ratio)
    assert abs(free.weights[0]) < 0.15 * abs(plain.weights[0])
    assert free.weights[1] == pytest.approx(plain.weights[1], rel=0.3)
    left = pairwise.without_length(y, ratio)
    assert left @ ratio == pytest.approx(0, abs=1e-9)
    assert pairwise.without_length(y, np.zeros(n)).tolist() == y.tolist()


def test_probabilities_are_calibrated():
    a, b, gap, names = planted(3000, noise=0.0)
    truth = expit(gap)
    y = np.where(np.random.default_rng(2).random(3000) < truth, 1.0, -1.0)
    head = pairwise.CrossFitted(a, b, y, names)
    said = head.p_a(head.gap(a, b, names))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        part = (said >= low) & (said < low + 0.2)
        assert said[part].mean() == pytest.approx(truth[part].mean(), abs=0.06)


def test_the_order_of_rows_changes_nothing():
    a, b, gap, names = planted(300)
    order = np.random.default_rng(3).permutation(300)
    one = pairwise.CrossFitted(a, b, np.sign(gap), names)
    other = pairwise.CrossFitted(a[order], b[order], np.sign(gap)[order], names[order])
    np.testing.assert_array_equal(one.gap(a, b, names), other.gap(a, b, names))


@pytest.mark.parametrize("n", [0, 3, 9])
def test_too_few_labels_teach_nothing(n):
    a, b, gap, names = planted(40)
    head = pairwise.CrossFitted(a[:n], b[:n], np.sign(gap[:n]), names[:n])
    assert head.gap(a, b, names).tolist() == [0.0] * 40
    assert head.p_a(head.gap(a, b, names)).tolist() == [0.5] * 40


def test_dead_dimensions_and_labels_that_are_all_ties_do_no_harm():
    a, b, gap, _ = planted(100)
    dead = np.hstack([a, np.ones((100, 2))]), np.hstack([b, np.ones((100, 2))])
    assert pairwise.fit(*dead, np.sign(gap)).weights[-2:].tolist() == [0.0, 0.0]
    assert not pairwise.fit(a, b, np.zeros(100)).weights.any()
    assert not pairwise.fit(a, a, np.sign(gap)).weights.any()


def test_length_as_a_covariate_gets_a_coefficient_without_penalty():
    """Equal to ridge by its normal equations, with a penalty on everything but length."""
    random = np.random.default_rng(5)
    n, d = 300, 5
    a, b = random.normal(size=(2, n, d))
    ratio = (a - b)[:, 0] + random.normal(size=n)
    y = np.sign((a - b)[:, 1] + 0.7 * ratio + random.normal(size=n))
    head = pairwise.fit(a, b, y, ratio, covariate=True)
    scale = np.sqrt((pairwise.without_length(a - b, ratio) ** 2).mean(0))
    x = np.column_stack([(a - b) / scale, ratio])
    penalty = np.diag([head.alpha] * d + [0.0])
    exact = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    np.testing.assert_allclose(head.weights, exact[:d] / scale, rtol=1e-6, atol=1e-9)
    assert head.length == pytest.approx(exact[d], rel=1e-6)
    np.testing.assert_allclose(head.gap(a, b, ratio), x @ exact, atol=1e-5)
    names = np.array([f"p{i}" for i in range(n)])
    crossed = pairwise.CrossFitted(a, b, y, names, ratio, covariate=True)
    fresh = np.full(n, "unseen")
    np.testing.assert_array_equal(crossed.gap(a, b, fresh, ratio), head.gap(a, b, ratio))
