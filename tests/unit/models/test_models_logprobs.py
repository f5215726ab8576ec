"""Log-probabilities of completions equal the sum written out by hand, one row at a time."""

import numpy as np
import pytest
import torch

from realign.models.logprobs import completion_logprobs


def rows(seed=0):
    random = np.random.default_rng(seed)
    shapes = [(3, 4), (20, 9), (1, 1), (9, 30), (12, 0), (40, 2), (3, 4), (5, 17), (8, 8)]
    return [(random.integers(4, 290, p).tolist(), random.integers(4, 290, c).tolist()) for p, c in shapes]


def by_hand(model, prompt, completion, max_length):
    tokens = (prompt + completion)[:max_length]
    with torch.inference_mode():
        logits = model(torch.tensor([tokens])).logits[0].double()
    return sum(float(logits[at - 1].log_softmax(-1)[tokens[at]]) for at in range(len(prompt), len(tokens)))


def found(model, todo, max_length=128, tokens_per_batch=300):
    return completion_logprobs(
        model, todo, max_length=max_length, tokens_per_batch=tokens_per_batch, pad=0, what="test"
    )


@pytest.mark.parametrize("tokens_per_batch", [1, 300, 5000])
@pytest.mark.parametrize("max_length", [128, 16])
def test_sums_equal_those_written_out(tiny, max_length, tokens_per_batch):
    model, _ = tiny
    expected = [by_hand(model, *row, max_length) for row in rows()]
    assert min(expected) < -5
    np.testing.assert_allclose(found(model, rows(), max_length, tokens_per_batch), expected, atol=1e-4)


def test_a_completion_that_is_cut_away_counts_nothing(tiny):
    model, _ = tiny
    sums = found(model, [([5] * 10, [6] * 5), ([5] * 10, [])], max_length=10)
    assert sums.tolist() == [0.0, 0.0]


def test_a_rows_sum_is_the_same_to_the_bit_in_any_company(tiny):
    model, _ = tiny
    together = found(model, rows())
    assert found(model, rows()[::-1]).tolist() == together[::-1].tolist()
    assert [found(model, [row])[0] for row in rows()] == together.tolist()


def test_no_rows_are_no_sums(tiny):
    assert found(tiny[0], []).shape == (0,)
