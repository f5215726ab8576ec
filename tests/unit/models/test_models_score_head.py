"""The score head recovers a planted direction, whatever the prompts add of their own."""

import numpy as np
import pytest

from realign.models import score_head


def planted(prompts=60, each=5, d=8, seed=0, noise=0.0):
    random = np.random.default_rng(seed)
    direction = random.normal(size=d)
    topic = np.repeat(random.normal(size=(prompts, d)) * 10, each, axis=0)
    vectors = topic + random.normal(size=(prompts * each, d)) * np.linspace(0.1, 10, d)
    quality = vectors @ direction + noise * random.normal(size=len(vectors))
    names = np.repeat([f"p{i:03d}" for i in range(prompts)], each)
    # Each prompt's scores on a scale of its own: only the order within it can be learned from.
    scale = np.repeat(random.uniform(0.1, 50, prompts), each)
    return vectors, np.exp(quality / 40) * scale, names, quality


def agreement(head, vectors, quality, names):
    found = head.quality(vectors)
    right = total = 0
    for name in np.unique(names):
        at = np.flatnonzero(names == name)
        for i in at:
            for j in at[at > i]:
                right += (found[i] > found[j]) == (quality[i] > quality[j])
                total += 1
    return right / total


def test_a_planted_direction_orders_new_prompts():
    vectors, scores, names, quality = planted()
    train = np.arange(len(names)) < 200
    head = score_head.fit(vectors[train], scores[train], names[train])
    assert agreement(head, vectors[~train], quality[~train], names[~train]) > 0.95
    assert head.alpha in score_head.ALPHAS


def test_noise_weakens_it_but_does_not_fool_it():
    vectors, scores, names, quality = planted(noise=10.0)
    train = np.arange(len(names)) < 200
    head = score_head.fit(vectors[train], scores[train], names[train])
    assert 0.6 < agreement(head, vectors[~train], quality[~train], names[~train]) < 0.99
    # Without any signal nothing is learned.
    random = np.random.default_rng(1).permutation(scores[train])
    blind = score_head.fit(vectors[train], random, names[train])
    assert 0.3 < agreement(blind, vectors[~train], quality[~train], names[~train]) < 0.7


def test_scores_count_as_ranks_within_their_prompt():
    vectors, scores, names, _ = planted()
    head = score_head.fit(vectors, scores, names)
    warped = score_head.fit(vectors, np.log(scores) ** 3, names)
    np.testing.assert_allclose(head.weights, warped.weights)
    other = score_head.fit(vectors, -scores, names)
    np.testing.assert_allclose(head.weights, -other.weights)


def test_a_prompts_topic_is_taken_out():
    vectors, scores, names, _ = planted()
    shift = np.repeat(np.random.default_rng(5).normal(size=(60, 8)) * 5, 5, axis=0)
    head = score_head.fit(vectors, scores, names)
    moved = score_head.fit(vectors + shift, scores, names)
    np.testing.assert_allclose(head.weights / head.scale, moved.weights / moved.scale, rtol=0.2, atol=1e-3)


def test_the_order_of_rows_changes_nothing():
    vectors, scores, names, _ = planted()
    order = np.random.default_rng(3).permutation(len(names))
    one = score_head.fit(vectors, scores, names)
    other = score_head.fit(vectors[order], scores[order], names[order])
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-6)


def test_prompts_with_one_response_teach_nothing_and_dead_dimensions_do_no_harm():
    vectors, scores, names, quality = planted()
    lonely = np.vstack([vectors, np.full((1, 8), 1e3)])
    head = score_head.fit(lonely, np.append(scores, 1e9), np.append(names, "alone"))
    assert agreement(head, vectors, quality, names) > 0.9
    dead = np.hstack([vectors, np.ones((len(vectors), 1))])
    assert np.isfinite(score_head.fit(dead, scores, names).quality(dead)).all()


def test_quality_by_hand():
    head = score_head.ScoreHead(np.array([1.0, -2.0]), np.array([2.0, 4.0]), 1.0)
    assert head.quality(np.array([[2.0, 4.0], [4.0, 0.0]])).tolist() == pytest.approx([-1.0, 2.0])
