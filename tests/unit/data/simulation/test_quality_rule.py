"""The quality rule: hand-computed marks, bounds, padding, hostile text and broken rules."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realign.data.simulation.rule import CORRECTNESS, explain, quality

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
RULES: dict[str, dict[str, object]] = {
    "arithmetic": {"task": "arithmetic", "answer": 7, "given": [3, 4]},
    "measure": {"task": "measure", "answer": 48, "unit": "hours", "given": [2]},
    "opposite": {
        "task": "opposite",
        "answer": "cold",
        "near": ["cool"],
        "rivals": ["big", "small"],
    },
    "plural": {"task": "plural", "answer": "mice", "near": ["mouses"], "rivals": ["cats"]},
    "list": {
        "task": "list",
        "count": 3,
        "valid": ["apples", "pears", "plums", "figs"],
        "rivals": ["cats", "red"],
    },
    "order": {"task": "order", "answer": ["cat", "dog", "hat"]},
    "calendar": {"task": "calendar", "answer": "Tuesday", "given": ["Monday"], "cycle": DAYS},
    "courtesy": {"task": "courtesy", "groups": [["tea"], ["please"], ["may i", "could i"]]},
}
any_rule = st.sampled_from(list(RULES.values()))
# Neither answers to any of the rules, nor courteous, nor the end of a sentence.
padding = st.lists(
    st.sampled_from(["the", "really", "um", "thing", "garden", "and", "so", "well"]),
    min_size=1,
    max_size=30,
).map(" ".join)
SAYABLE = (
    *("7", "8", "3", "48", "hours", "cold", "cool", "big", "mice", "mouses", "apples", "pears"),
    *("red", "cat", "dog", "hat", "Tuesday", "Monday", "Friday", "tea", "please", "May", "I"),
    *("fool", "thanks", "the", "is", ",", ".", "?", "!", "um"),
)
sayings = st.lists(st.sampled_from(SAYABLE), max_size=25).map(" ".join)


@pytest.mark.parametrize(
    ("task", "response", "expected"),
    [
        ("arithmetic", "7.", 1.0),
        ("arithmetic", "3 plus 4 is seven.", 1.0),
        ("arithmetic", "The answer is 8.", 0.4 * (1 - 1 / 7)),
        ("arithmetic", "It is 7 or 8.", (1 + 0.4 * (1 - 1 / 7)) / 2),
        ("arithmetic", "It is 99.", 0.0),
        ("arithmetic", "It is 7.5.", 0.4 * (1 - 0.5 / 7)),
        ("arithmetic", "3 and 4.", 0.0),
        ("measure", "In two days there are 48 hours.", 1.0),
        ("measure", "48.", 0.8),
        ("measure", "24 hours.", 0.4 * 0.5),
        ("measure", "1,048 hours.", 0.0),
        ("opposite", "The opposite of hot is cold.", 1.0),
        ("opposite", "It is cool.", 0.5),
        ("opposite", "Big or cold.", 0.5),
        ("opposite", "Coldest.", 0.0),
        ("plural", "One mouse, two mice.", 1.0),
        ("plural", "We say mouses.", 0.5),
        ("list", "Figs, plums and pears.", 1.0),
        ("list", "Apple, pear and plum.", 1.0),
        ("list", "Figs and figs and figs.", 1 / 3),
        ("list", "Figs, plums and cats.", 2 / 3),
        ("list", "Apples, pears, plums and figs.", 3 / 4),
        ("order", "Cat, dog and hat.", 1.0),
        ("order", "Cat, hat and dog.", 2 / 3),
        ("order", "Cat and dog.", 1 / 3),
        ("order", "Hat, dog and cat.", 0.0),
        ("order", "Hat, dog, cat sorted is cat, dog, hat.", 1.0),
        ("calendar", "Tuesday comes after Monday.", 1.0),
        ("calendar", "It is Wednesday.", 0.4 * 2 / 3),
        ("calendar", "It is Sunday.", 0.4 * 1 / 3),
        ("calendar", "Friday.", 0.0),
        ("calendar", "Monday.", 0.0),
        ("courtesy", "May I have a cup of tea, please?", 1.0),
        ("courtesy", "Could I have tea?", 2 / 3),
        ("courtesy", "I want a steak.", 0.0),
    ],
)
def test_correctness_by_hand(task: str, response: str, expected: float) -> None:
    assert explain(RULES[task], response)["correctness"] == pytest.approx(expected)


def test_an_answer_that_the_question_names_still_counts() -> None:
    rule = {"task": "arithmetic", "answer": 2, "given": [4, 2]}
    assert explain(rule, "4 minus 2 is 2.")["correctness"] == 1.0


@pytest.mark.parametrize(
    ("response", "slips"),
    [
        ("The answer is 7.", 0),
        ("7", 1),
        ("the answer is 7.", 1),
        ("the answer is 7", 2),
        ("The the answer is 7.", 1),
        ("It is it is 7.", 1),
        ("Well, um, it is 7.", 2),
        ("It is 7\x00.", 1),
        ("It is 7...", 1),
        ('"It is 7."', 0),
    ],
)
def test_form_counts_slips(response: str, slips: int) -> None:
    assert explain(RULES["arithmetic"], response)["form"] == pytest.approx(0.7**slips)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("It is 7.", 0.5),
        ("Of course. It is 7.", 0.75),
        ("Sorry, it is 7. Thank you.", 0.875),
        ("It is 7, you fool. Thanks.", 0.0),
    ],
)
def test_manners_by_hand(response: str, expected: float) -> None:
    assert explain(RULES["arithmetic"], response)["manners"] == expected


def test_quality_by_hand() -> None:
    size = 4  # "The answer is 7." has four words and 16 characters, which is two more
    brevity = 1 - (size / 48) ** 2
    assert quality(RULES["arithmetic"], "The answer is 7.") == pytest.approx(
        brevity * (0.6 * 1 + 0.2 * 1 + 0.2 * 0.5)
    )


def test_better_answers_score_higher() -> None:
    ranked = [
        "Certainly. The answer is 7.",
        "The answer is 7.",
        "7",
        "It is 7 or 8.",
        "It is 8.",
        "I do not know.",
        "the the the the the",
        "you fool",
        "",
    ]
    marks = [quality(RULES["arithmetic"], response) for response in ranked]
    assert marks == sorted(set(marks), reverse=True)


@given(rule=any_rule, response=st.one_of(st.text(), sayings))
def test_any_text_gets_a_mark_in_bounds_and_always_the_same(rule: dict[str, object], response: str) -> None:
    parts = explain(rule, response)
    assert all(0.0 <= value <= 1.0 for value in parts.values())
    assert parts == explain(dict(rule), response)


@given(rule=any_rule, response=st.one_of(st.text(), sayings), words=padding)
def test_padding_never_raises_a_mark(rule: dict[str, object], response: str, words: str) -> None:
    before = quality(rule, response)
    if before == 0.0:
        return  # nothing was said yet, so nothing is padded
    assert quality(rule, f"{response} {words}") <= before
    assert quality(rule, f"{words} {response}") <= before
    # A stop or a capital that comes with a filler only pays for the filler.
    assert quality(rule, f"{response} {words} um.") <= before
    assert quality(rule, f"Well {words} {response}") <= before


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("response", ["", "   \n", "...", "\x00\x00", "?!", "\ufffd" * 9])
def test_nothing_said_is_worth_nothing(rule: dict[str, object], response: str) -> None:
    assert quality(rule, response) == 0.0


@pytest.mark.parametrize("unit", ["a", "7 ", "Tuesday. ", "1", "\x00", "é", "9,999,999", "'", "tea "])
def test_a_megabyte_is_worthless_and_costs_no_more_than_its_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    marks = [quality(rule, text) for rule in RULES.values()]
    assert time.process_time() - start < 5, "0.1 s of the processor; minutes where a pattern is quadratic"
    assert marks == [0.0] * len(marks)


def test_huge_numbers_and_foreign_digits_do_not_raise() -> None:
    for text in ("9" * 380, "٣٤", "²", "1,,2", "1.2.3", "\ud800"):
        assert 0.0 <= quality(RULES["arithmetic"], text) <= 0.4


def test_the_examples_cover_every_task() -> None:
    assert RULES.keys() == CORRECTNESS.keys()


@pytest.mark.parametrize("rule", [{}, {"task": "riddle"}, {"task": ["list"]}, {"task": None}])
def test_unknown_task_is_a_data_error(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown task .* known tasks: .*arithmetic"):
        quality(rule, "7")


@pytest.mark.parametrize("response", ["", "It is 7.", "a" * 1000])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_missing_key_is_a_data_error_whatever_the_response(rule: dict[str, object], response: str) -> None:
    for missing in rule.keys() - {"task"}:
        broken = {key: value for key, value in rule.items() if key != missing}
        with pytest.raises(ValueError, match=missing):
            quality(broken, response)


@pytest.mark.parametrize(
    ("task", "key", "value"),
    [
        ("arithmetic", "answer", "7"),
        ("arithmetic", "answer", True),
        ("arithmetic", "given", [None]),
        ("measure", "unit", 3),
        ("opposite", "near", "cool"),
        ("list", "count", 0),
        ("order", "answer", ["cat"]),
        ("calendar", "answer", "Mayday"),
        ("courtesy", "groups", []),
        ("courtesy", "groups", [7]),
    ],
)
def test_unusable_value_is_a_data_error(task: str, key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        quality({**RULES[task], key: value}, "It is 7.")
