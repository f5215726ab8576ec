"""Batches: every row once, one shape a bucket, nothing beyond the model's limit."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from realign.models.batching import Batch, bucket, fixed_batches, forward_batches

lengths = st.lists(st.integers(0, 400), max_size=60)
budgets = st.integers(1, 6000)
limits = st.integers(1, 400)
extras = st.integers(0, 64)


@given(lengths, budgets, limits, extras)
def test_every_row_is_in_one_batch_that_it_fits_into(rows, budget, longest, extra):
    batches = list(fixed_batches(rows, budget, longest, extra))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(rows)))
    assert all(rows[row] <= batch.length for batch in batches for row in batch.rows)


@given(lengths, budgets, limits, extras)
def test_nothing_is_padded_beyond_the_limit(rows, budget, longest, extra):
    for batch in fixed_batches(rows, budget, longest, extra):
        assert batch.length <= max(longest, *(rows[row] for row in batch.rows))


@given(lengths, budgets, limits, extras, st.data())
def test_a_rows_shape_does_not_depend_on_its_neighbours(rows, budget, longest, extra, data):
    def shapes(chosen):
        batches = fixed_batches([rows[i] for i in chosen], budget, longest, extra)
        return {chosen[row]: (b.size, b.length) for b in batches for row in b.rows}

    some = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True)) if rows else []
    whole = shapes(list(range(len(rows))))
    assert shapes(some) == {row: whole[row] for row in some}


@given(lengths, budgets, limits, extras)
def test_a_batch_holds_its_budget_unless_eight_rows_exceed_it(rows, budget, longest, extra):
    for batch in fixed_batches(rows, budget, longest, extra):
        assert batch.size % 8 == 0
        assert batch.size == 8 or batch.size * (batch.length + extra) <= budget
        assert (batch.size + 8) * (batch.length + extra) > budget


@given(lengths, budgets, limits)
def test_the_last_real_row_fills_a_batch_up(rows, budget, longest):
    for batch in fixed_batches(rows, budget, longest):
        filled = batch.filled()
        assert len(filled) == batch.size
        assert filled[: len(batch.rows)] == batch.rows
        assert set(filled[len(batch.rows) :]) <= {batch.rows[-1]}


@given(lengths, budgets, limits)
def test_short_rows_come_first_and_rows_keep_their_order(rows, budget, longest):
    batches = list(fixed_batches(rows, budget, longest))
    assert [b.length for b in batches] == sorted(b.length for b in batches)
    assert all(batch.rows == sorted(batch.rows) for batch in batches)


@given(st.integers(1, 5000))
def test_padding_wastes_at_most_a_quarter(length):
    found = bucket(length, 10**6)
    assert length <= found < length + max(8, length / 4)
    assert bucket(found, 10**6) == found


def test_buckets_of_known_lengths():
    assert [bucket(n, 1000) for n in (0, 1, 8, 9, 64, 65, 80, 81, 128, 129)] == [
        8, 8, 8, 16, 64, 80, 80, 96, 128, 160,
    ]  # fmt: skip
    assert [bucket(n, 70) for n in (65, 70, 75)] == [70, 70, 75]
    assert bucket(3, 5) == 5


def test_a_batch_of_known_rows():
    batches = list(fixed_batches([5, 20, 6] + [7] * 15, 8 * 8 * 2, 100))
    assert batches == [
        Batch([0, *range(2, 17)], 16, 8),
        Batch([17], 16, 8),
        Batch([1], 8, 24),
    ]


def test_no_rows_are_no_batches():
    assert list(fixed_batches([], 100, 10)) == []


def test_on_a_cpu_a_hundred_short_texts_are_not_drowned_in_fillers():
    lengths = [5 + at % 56 for at in range(100)]
    batches = list(forward_batches(lengths, 8192, 512, torch.device("cpu")))
    assert sum(batch.size * batch.length for batch in batches) < 2 * sum(lengths)


def test_an_accelerator_gets_batches_as_large_as_allowed():
    batches = list(forward_batches([64] * 10, 8192, 512, torch.device("cuda")))
    assert [batch.size for batch in batches] == [128]
