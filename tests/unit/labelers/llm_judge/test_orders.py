"""Parsing answers and combining both orders: agreement wins, anything else is a tie, nonsense abstains."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_builders import answered, label, spec
from scipy.special import expit

from realign.labelers.llm_judge.parse import Unreadable, letters, overall, scored
from realign.labelers.llm_judge.run import combine
from realign.store.ledger_batches import unsound
from realign.store.schemas import LEDGER

URL = "http://127.0.0.1:1/v1"
JUDGE = spec(label(URL))
SCORER = spec(label(URL, attributes={"helpfulness": 0.65, "verbosity": -0.4}))
HERE = spec(label(None))


def says(winner, confidence=0.8):
    return json.dumps({"rationale": f"It is {winner}.", "winner": winner, "confidence": confidence})


@pytest.mark.parametrize(
    "text",
    [
        says("first"),
        f"```json\n{says('first')}\n```",
        f"Here you are:\n```\n{says('first')}\n```\nAsk again any time.",
        f"<think>Is it {says('second')}?</think>\n{says('first')}",
        f"My verdict is {says('first')}, of course.",
        says(" First "),
    ],
)
def test_one_label_is_read_however_it_is_wrapped(text):
    found = overall(text)
    assert (found.better, found.p_first, found.rationale[:5]) == ("first", 0.8, "It is")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("The first is better.", "not one complete JSON object"),
        ("", "not one complete JSON object"),
        (says("first")[:-8], "not one complete JSON object"),
        ("[1]", "not one complete JSON object"),
        (f"{says('first')} or {says('second')}", "several verdicts"),
        (says("neither"), "winner"),
        (says("first", 0.3), "confidence"),
        (says("first", 85), "confidence"),
        ('{"rationale": "x"}', "winner"),
        ("[" * 100_000, "not one complete"),
        ('{"a":' * 100_000, "not one complete"),
    ],
)
def test_what_is_no_label_is_not_guessed(text, why):
    with pytest.raises(Unreadable, match=why):
        overall(text)


def test_a_label_without_confidence_is_a_hard_one():
    assert overall('{"winner": "second"}').p_first == 0.0
    assert overall(says("second", None)).p_first == 0.0


def test_scores_decide_by_their_weighted_gap():
    weights = {"helpfulness": 0.65, "verbosity": -0.4}
    text = {"first": {"helpfulness": 3, "verbosity": 4}, "second": {"helpfulness": 2, "verbosity": 1}}
    found = scored(json.dumps(text), weights=weights)
    assert found.better == "second"
    np.testing.assert_allclose(found.p_first, expit(0.65 - 1.2))
    text["second"] = text["first"]
    assert scored(json.dumps(text), weights=weights).better == "tie"
    for broken in (
        {"helpfulness": 5, "verbosity": 0},
        {"helpfulness": 3},
        {"helpfulness": 3, "clarity": 1},
        3,
    ):
        with pytest.raises(Unreadable):
            scored(json.dumps(text | {"second": broken}), weights=weights)


def test_letters_are_read_by_their_probabilities():
    found = letters(json.dumps(dict(zip("ABCD", np.log([0.2, 0.5, 0.1, 0.1]) - 3, strict=True))))
    assert found.better == "second"
    np.testing.assert_allclose(found.p_first, (0.2 + 0.1) / 0.9)
    with pytest.raises(Unreadable, match="9000 tokens"):
        letters("not asked: 9000 tokens, the model reads 2048")


def combined(ab, ba):
    (row,) = combine([answered(JUDGE, "p", ab=ab, ba=ba)]).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("ab", "ba", "winner", "p_a", "each"),
    [
        (says("first", 0.9), says("second", 0.7), "a", 0.8, ("a", "a")),
        (says("second", 0.9), says("first", 0.7), "b", 0.2, ("b", "b")),
        (says("first", 0.9), says("first", 0.9), "tie", 0.5, ("a", "b")),
        (says("first", 0.9), says("tie"), "tie", 0.5, ("a", "tie")),
        (says("tie", 0.9), says("both_bad"), "tie", 0.5, ("tie", "both_bad")),
        (says("tie", 0.9), says("tie"), "tie", 0.5, ("tie", "tie")),
        (says("both_bad", 0.9), says("both_bad"), "both_bad", 0.5, ("both_bad", "both_bad")),
        (says("first", 0.9), "what?", "abstain", 0.5, ("a", "abstain")),
        ("what?", "", "abstain", 0.5, ("abstain", "abstain")),
    ],
)
def test_both_orders_become_one_label(ab, ba, winner, p_a, each):
    row = combined(ab, ba)
    assert (row["winner"], row["p_a"], (row["label_ab"], row["label_ba"])) == (winner, p_a, each)
    assert row["consistent"] == (each[0] == each[1] if "abstain" not in each else None)


@given(
    st.sampled_from(["first", "second", "tie", "both_bad", "?"]),
    st.sampled_from(["first", "second", "tie", "both_bad", "?"]),
    st.floats(0.5, 1),
    st.floats(0.5, 1),
)
def test_naming_the_responses_the_other_way_round_only_renames_the_label(first, second, sure, surer):
    one, other = (
        combined(*texts)
        for texts in ((says(first, sure), says(second, surer)), (says(second, surer), says(first, sure)))
    )
    swap = {"a": "b", "b": "a"}
    assert swap.get(one["winner"], one["winner"]) == other["winner"]
    np.testing.assert_allclose(one["p_a"], 1 - other["p_a"], atol=2e-6)


@pytest.mark.parametrize("judge", [JUDGE, SCORER, HERE])
def test_rows_are_sound_whatever_the_answers(judge):
    def text(side):
        if judge is JUDGE:
            return says(side, 0.5)
        if judge is HERE:
            return json.dumps(
                {letter: -1.0 - (letter != {"first": "A", "second": "B"}[side]) for letter in "ABCD"}
            )
        scores = {name: {"helpfulness": int(name == side), "verbosity": 1} for name in ("first", "second")}
        return json.dumps(scores)

    cases = {"p1": ("first", "second"), "p2": ("second", "first"), "p3": ("first", "first")}
    rows = combine([answered(judge, pair, ab=text(ab), ba=text(ba)) for pair, (ab, ba) in cases.items()])
    assert rows["pair_id"].tolist() == ["p1", "p2", "p3"]
    assert rows["winner"].tolist() == ["a", "b", "tie"]
    assert list(rows.columns) == LEDGER.names
    assert unsound(rows) == []
    assert rows["given_at"].tolist() == ["2026-01-01T00:00:00+00:00"] * 3
    assert rows["tokens_in"].tolist() == [20] * 3
    assert rows[["label_ab", "label_ba"]].to_numpy().tolist() == [["a", "a"], ["b", "b"], ["a", "b"]]


def test_a_label_is_as_old_as_its_later_answer():
    first, second = (answered(JUDGE, "p", day, **{shown: says("first")}).answers[shown]
                     for shown, day in (("ab", "2026-01-02"), ("ba", "2026-01-01")))  # fmt: skip
    both = replace(answered(JUDGE, "p"), answers={"ab": first, "ba": second})
    assert combine([both])["given_at"].tolist() == ["2026-01-02"]


def test_the_price_is_that_of_the_tokens():
    judge = spec(label(URL, price_in=2.0, price_out=10.0))
    assert judge.money(1_000_000, 100_000) == 3.0
    assert spec(label(None, price_in=2.0)).money(1_000_000, 0) == 0.0
