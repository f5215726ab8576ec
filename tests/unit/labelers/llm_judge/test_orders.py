"""Reading answers and combining both orders: agreement wins, anything else is a tie, nonsense abstains."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_builders import label
from scipy.special import expit

from realign.labelers.llm_judge.brief import brief
from realign.labelers.llm_judge.orders import combine, said, verdicts
from realign.labelers.llm_judge.replies import Unreadable, letters, overall, scored
from realign.store.ledger import Answer
from realign.store.ledger_batches import unsound
from realign.store.schemas import LEDGER

URL = "http://127.0.0.1:1/v1"
JUDGE = brief(label(URL).judge)
SCORER = brief(label(URL, attributes={"helpfulness": 0.65, "verbosity": -0.4}).judge)
HERE = brief(label(None).judge)


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
def test_one_verdict_is_read_however_it_is_wrapped(text):
    found = overall(text)
    assert (found.said, found.p_first, found.rationale[:5]) == ("first", 0.8, "It is")


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
        (says("first", None), "confidence"),
        ('{"rationale": "x"}', "winner"),
        ("[" * 100_000, "not one complete"),
        ('{"a":' * 100_000, "not one complete"),
    ],
)
def test_what_is_no_verdict_is_not_guessed(text, why):
    with pytest.raises(Unreadable, match=why):
        overall(text)


def test_a_verdict_without_confidence_is_a_hard_one():
    assert overall('{"winner": "second"}').p_first == 0.0


def test_scores_decide_by_their_weighted_gap():
    weights = {"helpfulness": 0.65, "verbosity": -0.4}
    text = {"first": {"helpfulness": 3, "verbosity": 4}, "second": {"helpfulness": 2, "verbosity": 1}}
    found = scored(json.dumps(text), weights)
    assert found.said == "second"
    np.testing.assert_allclose(found.p_first, expit(0.65 - 1.2))
    text["second"] = text["first"]
    assert scored(json.dumps(text), weights).said == "tie"
    for broken in (
        {"helpfulness": 5, "verbosity": 0},
        {"helpfulness": 3},
        {"helpfulness": 3, "clarity": 1},
        3,
    ):
        with pytest.raises(Unreadable):
            scored(json.dumps(text | {"second": broken}), weights)


def test_letters_are_read_by_their_probabilities():
    found = letters(json.dumps(dict(zip("ABCD", np.log([0.2, 0.5, 0.1, 0.1]) - 3, strict=True))))
    assert found.said == "second"
    np.testing.assert_allclose(found.p_first, (0.2 + 0.1) / 0.9)
    with pytest.raises(Unreadable, match="9000 tokens"):
        letters("not asked: 9000 tokens, the model reads 2048")


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
        (says("first", 0.9), "what?", "abstain", 0.5, ("a", "")),
        ("what?", "", "abstain", 0.5, ("", "")),
    ],
)
def test_both_orders_become_one_verdict(ab, ba, winner, p_a, each):
    found = combine(ab, ba, JUDGE)
    assert (found.winner, found.p_a, found.said) == (winner, p_a, each)
    assert found.consistent == (each[0] == each[1] if all(each) else None)


@given(
    st.sampled_from(["first", "second", "tie", "both_bad", "?"]),
    st.sampled_from(["first", "second", "tie", "both_bad", "?"]),
    st.floats(0.5, 1),
    st.floats(0.5, 1),
)
def test_naming_the_responses_the_other_way_round_only_renames_the_verdict(first, second, sure, surer):
    one, other = (
        combine(*texts, JUDGE)
        for texts in ((says(first, sure), says(second, surer)), (says(second, surer), says(first, sure)))
    )
    swap = {"a": "b", "b": "a"}
    assert swap.get(one.winner, one.winner) == other.winner
    np.testing.assert_allclose(one.p_a, 1 - other.p_a, atol=2e-6)


@pytest.mark.parametrize("judge", [JUDGE, SCORER, HERE])
def test_rows_are_sound_whatever_was_said(judge):
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
    answers = {
        (pair, shown): Answer(pair, judge.fingerprint, shown, text(side), 1, 10, 2, 0.5, f"2026-01-0{at}")
        for pair, sides in cases.items()
        for at, (shown, side) in enumerate(zip(("ab", "ba"), sides, strict=True), start=1)
    }
    answers["p4", "ab"] = answers["p1", "ab"]
    rows = verdicts({pair: f"prompt {pair}" for pair in ("p1", "p2", "p3", "p4")}, answers, judge)
    assert rows["pair_id"].tolist() == ["p1", "p2", "p3"], "one order is no verdict"
    assert rows["winner"].tolist() == ["a", "b", "tie"]
    assert list(rows.columns) == LEDGER.names
    assert unsound(rows) == []
    assert rows["given_at"].tolist() == ["2026-01-02"] * 3
    assert rows["tokens_in"].tolist() == [20] * 3
    told = said(zip(rows["answer_ab"], rows["answer_ba"], strict=True), judge)
    assert told.tolist() == [["a", "a"], ["b", "b"], ["a", "b"]]


def test_the_price_is_that_of_the_tokens():
    judge = brief(label(URL, price_in=2.0, price_out=10.0).judge)
    assert judge.money(1_000_000, 100_000) == 3.0
    assert brief(label(None, price_in=2.0).judge).money(1_000_000, 0) == 0.0
