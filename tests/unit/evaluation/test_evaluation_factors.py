"""The factor audit finds what was planted; label error by similarity finds the slope that was planted."""

import numpy as np
import pandas as pd
import pytest
from unit_builders import turns

from realign.evaluation.factors import FACTORS, audit
from realign.evaluation.intervals import Resampling
from realign.evaluation.labels import error_by_similarity
from realign.store import ids

HOW = Resampling(200, 0.95, 7)
PLAIN = "The answer is five. It is right."
MORE = {
    "words": PLAIN + " And it goes on",
    "sentences": PLAIN + " Yes.",
    "paragraphs": PLAIN + "\n\nYes.",
    "list items": PLAIN + "\n- one\n- two",
    "commas": "The answer is, of course, five. It is right.",
    "colons": "The answer is: five. It is right.",
    "exclamation marks": "The answer is five! It is right!",
    "digits": "The answer is 5. It is right.",
    "ends a sentence": PLAIN,
    "says I": "I say that the answer is five. It is right.",
    "says you": "If you ask, the answer is five. It is right.",
    "distinct words": "The answer is certainly five.",
    "letters a word": "The result is seventeen. It is correct.",
    "hedges": "Perhaps the answer is five. It is right.",
    "opens as a refusal": "I'm sorry, the answer is five. It is right.",
    "words of the prompt": PLAIN + " Three plus two.",
    "reading level": "The incontrovertible conclusion is five. It is unquestionably right.",
}


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_sees_its_property(name):
    prompt = "What is two plus three?"
    less = "The answer is five. It is right, and" if name == "ends a sentence" else PLAIN
    assert FACTORS[name](MORE[name], prompt) > FACTORS[name](less, prompt)
    assert np.isfinite([FACTORS[name](text, prompt) for text in ("", "…", "1")]).all()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["!" * 300_000, "\n" * 300_000, " " * 300_000, "1" * 300_000, "- \n" * 100_000]
)
def test_a_long_run_of_one_character_takes_no_long_time(text):
    assert np.isfinite([count(text, text[:9]) for count in FACTORS.values()]).all()


def tables(winner, gold=None):
    """Pairs whose response a has more hedges, b more words."""
    labels, pairs, responses, prompts = [], [], [], []
    for number, won in enumerate(winner):
        prompt = ids.digest("prompt", str(number))
        prompts.append((prompt, turns(f"Question {number}?")))
        responses += [(f"a{number}", "Perhaps so."), (f"b{number}", "It is so and so it is.")]
        pairs.append((f"pair{number}", f"a{number}", f"b{number}", number / 100, 0.5))
        said = None if gold is None else gold[number]
        labels.append(("train", "easy", f"pair{number}", prompt, won, "judge", said))
    names = ["purpose", "strategy", "pair_id", "prompt_id", "winner", "labeler", "gold"]
    columns = ["pair_id", "response_a", "response_b", "similarity", "log_length_ratio"]
    return (
        pd.DataFrame(labels, columns=names),
        pd.DataFrame(pairs, columns=columns),
        pd.DataFrame(responses, columns=["response_id", "text"]),
        pd.DataFrame(prompts, columns=["prompt_id", "messages"]),
    )


def test_tau_says_how_far_the_winner_has_more_of_it():
    found = audit(*tables(["a"] * 15 + ["b"] * 5 + ["tie"] * 4 + ["both_bad"], ["b"] * 25), HOW)
    easy = found["strategy"]["easy"]
    assert easy["hedges"]["value"] == pytest.approx(0.5)
    assert easy["words"]["value"] == pytest.approx(-0.5)
    assert easy["hedges"]["n"] == 20 and easy["list items"]["value"] == 0.0
    assert easy["hedges"]["low"] < 0.5 < easy["hedges"]["high"]
    assert found["labeler"]["judge"] == easy
    assert found["labeler"]["the gold label"]["words"]["value"] == 1.0


def test_without_a_gold_verdict_there_is_none_and_held_out_pairs_do_not_count():
    labels, *rest = tables(["a", "b", "a", "a"])
    labels.loc[3, "purpose"] = "holdout"
    found = audit(labels, *rest, HOW)
    assert list(found["labeler"]) == ["judge"]
    assert found["strategy"]["easy"]["words"]["n"] == 3


def test_label_error_by_similarity_finds_the_slope_that_was_planted():
    labels, pairs, *_ = tables(["a"] * 40 + ["a", "b"] * 20, ["a"] * 80)
    found = error_by_similarity(labels, pairs, HOW)
    assert sum(row["pairs"] for row in found) == 80 and len(found) == 8
    errors = [row["label_error"]["value"] for row in found]
    assert errors[:4] == [0.0] * 4 and all(error == 0.5 for error in errors[4:])
    assert [row["low"] for row in found] == sorted(row["low"] for row in found)
    assert error_by_similarity(labels.assign(gold=None), pairs, HOW) == []


def test_pairs_that_are_all_alike_are_one_bin():
    labels, pairs, *_ = tables(["a", "b"] * 5, ["a"] * 10)
    (only,) = error_by_similarity(labels, pairs.assign(similarity=0.5), HOW)
    assert only["pairs"] == 10 and only["label_error"]["value"] == 0.5
