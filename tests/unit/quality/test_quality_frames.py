"""The columns that the gates look at, each worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_builders import section, world

from realign.data.text import REFUSAL
from realign.quality import frames, suites
from realign.store import ids


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but no.", "I’m sorry", "Sorry, I", "  \"I am sorry", "I cannot do that", "I can't", "I can not",
        "I won't", "I am unable to", "As an AI model, I", "Unfortunately, I", "unfortunately I", "sorry",
    ],
)  # fmt: skip
def test_openings_of_a_refusal_are_known(text):
    assert REFUSAL.match(text)


@pytest.mark.parametrize(
    "text",
    ["I can do that", "Sorrywart is a plant", "No. I cannot", "As an airline", "Unfortunately it rains", "", "I cannotate"],
)  # fmt: skip
def test_other_openings_are_no_refusal(text):
    assert not REFUSAL.match(text)


def test_responses_are_marked_cut_or_refused():
    table = pd.DataFrame(
        {"response_id": ["a", "b", "c"], "text": ["Sorry, no", "yes", "so"], "tokens": [3, 1, 1],
         "finish": ["stop", "length", "given"]}
    )  # fmt: skip
    found = frames.responses(table)
    assert found["refusal"].tolist() == [1.0, 0.0, 0.0]
    assert found["truncated"].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("The  CAT sat", "the cat\nsat", 1.0),
        ("the cat sat", "the cat ran", 2 / 6),  # (,the) (the,cat) of those and 2 x (_,_) (_,)
        ("a", "b", 0.0),
        ("", "", 1.0),
        ("a b", "b a", 0.0),
    ],
)
def test_overlap_is_the_share_of_word_pairs_in_common(one, other, share):
    assert frames.overlap(one, other) == pytest.approx(share)


@given(st.text(max_size=20), st.text(max_size=20))
def test_overlap_has_no_order_and_stays_between_0_and_1(one, other):
    assert frames.overlap(one, other) == frames.overlap(other, one)
    assert 0 <= frames.overlap(one, other) <= 1
    assert frames.overlap(one, one) == 1


def pair(tables, number, purpose="train", **changes):
    prompt = tables.prompts["prompt_id"].iloc[number]
    a, b = tables.responses.loc[tables.responses["prompt_id"] == prompt, "response_id"].iloc[:2]
    row = {
        "purpose": purpose, "strategy": "easy", "pair_id": ids.pair_id(prompt, a, b), "prompt_id": prompt,
        "response_a": a, "response_b": b, "similarity": 0.5, "log_length_ratio": float(np.log(5 / 8)),
        "rank": 1, "n_pairs": 6,
    }  # fmt: skip
    return row | changes


def test_pairs_show_texts_ratio_and_where_they_belong():
    tables = world(train=3, held_out=1)
    rows = [
        pair(tables, 0),
        pair(tables, 3, "holdout"),
        pair(tables, 3),
        pair(tables, 0, "holdout"),
        pair(tables, 3, "audit"),
    ]
    rows.append(pair(tables, 1, response_b="unknown"))
    rows.append(pair(tables, 1, prompt_id="unknown", log_length_ratio=0.0))
    found = frames.pairs(pd.DataFrame(rows), tables.responses, tables.prompts)
    assert found["leaks"].tolist() == [0, 0, 1, 1, 1, 0, 1]
    assert found["known"].tolist() == [1, 1, 1, 1, 1, 0, 1]
    assert found["length_ratio"].tolist() == [1.6] * 6 + [1.0]
    assert found["text_a"].iloc[0] == "The answer is 0."
    assert found["text_b"].iloc[0] == "The answer is 1, I think."
    assert found["text_b"].iloc[5] == ""
    assert found["row_id"].iloc[0] == f"train easy {rows[0]['pair_id']}"


def test_a_group_on_both_sides_is_a_leak():
    tables = world(train=3, held_out=1)
    tables.prompts["group"] = ["same", "x", "y", "same"]
    rows = pd.DataFrame([pair(tables, 0), pair(tables, 1), pair(tables, 3, "holdout")])
    assert frames.pairs(rows, tables.responses, tables.prompts)["leaks"].tolist() == [1, 0, 1]


def test_preferences_show_origin_and_length():
    prompts = world(train=1, held_out=1).prompts
    train, held_out = prompts["prompt_id"]
    table = pd.DataFrame(
        {"pair_id": ["a", "b", "c"], "prompt_id": [train, held_out, train], "chosen": "x", "rejected": "y",
         "p_chosen": 0.5, "chosen_tokens": [5, 2, 3], "rejected_tokens": [3, 3, 3]}
    )  # fmt: skip
    found = frames.preferences(table, pd.DataFrame({"pair_id": ["a", "b"]}), prompts)
    assert found["validated"].tolist() == [1, 1, 0]
    assert found["held_out"].tolist() == [0, 1, 0]
    assert found["longer_wins"].tolist() == [1.0, 0.0, 0.5]


def test_the_least_number_of_rows_follows_from_the_share_that_may_be_dropped():
    limits = section("validate", max_share_dropped=0.35)
    assert [suites._kept(n, limits) for n in (0, 1, 10, 20, 21)] == [0, 1, 7, 13, 14]
    assert suites._kept(10, section("validate", max_share_dropped=1.0)) == 0
    assert suites._kept(10, section("validate", max_share_dropped=0.0)) == 10


def test_exactly_the_allowed_share_may_be_dropped():
    for percent in range(101):
        limits = section("validate", max_share_dropped=percent / 100)
        assert suites._kept(100, limits) == 100 - percent
