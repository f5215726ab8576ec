"""Each raw shape: what it becomes, and what it is refused for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_builders import raw_params, section

from realign.config.params import Params
from realign.data.raw import BadRow, RawResponse, RawRow
from realign.data.sources import builtin, check, find, hh, multi, prompts, shp, sources
from realign.errors import UserError

SOURCES = sources()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def refusal(read, row):
    with pytest.raises(BadRow) as bad:
        read(row)
    return bad.value.reason, bad.value.detail


def side(*turns):
    """A transcript: turns of the human and the assistant by turns."""
    speakers = ("Human", "Assistant")
    return "".join(f"\n\n{speakers[i % 2]}: {turn}" for i, turn in enumerate(turns))


@pytest.mark.parametrize("shape", sorted(sources()))
@given(row=JSON)
def test_any_json_is_understood_or_refused_with_a_reason(shape, row):
    try:
        found = SOURCES[shape].read(row)
    except BadRow as bad:
        assert bad.reason
        assert bad.detail
    else:
        assert found.messages[-1]["role"] == "user"


def test_multi_keeps_texts_generators_and_scores():
    row = {
        "id": "ignored",
        "prompt": "why?",
        "rule": {"b": 1, "a": "é"},
        "responses": [
            {"text": "so", "generator": "m1", "score": 2, "scores": {"ann": 0.5, "bob": -1}},
            {"text": "no", "generator": None, "score": None, "scores": None},
        ],
    }
    assert multi.read(row) == RawRow(
        [{"role": "user", "content": "why?"}],
        [
            RawResponse("so", "m1", {"score": 2.0, "ann": 0.5, "bob": -1.0}),
            RawResponse("no", None, {}),
        ],
    )


def test_builtin_keeps_the_rule():
    rule = {"task": "courtesy", "groups": [["é"]]}
    assert builtin.read({"prompt": "p", "rule": rule, "responses": [{"text": "a"}]}) == RawRow(
        [{"role": "user", "content": "p"}],
        [RawResponse("a", None, {})],
        '{"groups": [["é"]], "task": "courtesy"}',
    )


def test_multi_takes_messages_and_drops_what_it_does_not_know():
    turns = [
        {"role": "system", "content": "be kind", "name": "x"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]
    found = multi.read({"prompt": turns, "responses": [{"text": "bye"}]})
    assert found.messages == [{"role": t["role"], "content": t["content"]} for t in turns]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ([], "wrong_type", "must be a JSON object, this is a list"),
        ("x", "wrong_type", "this is text"),
        (5, "wrong_type", "this is the number 5"),
        ({}, "wrong_type", "'responses' must be a list"),
        ({"prompt": "a", "responses": {}}, "wrong_type", "'responses' must be a list"),
        ({"prompt": "a", "responses": []}, "no_responses", "empty list"),
        ({"responses": [{"text": "a"}]}, "wrong_type", "'prompt' must be text or a list of messages"),
        ({"prompt": [], "responses": [{"text": "a"}]}, "wrong_type", "'prompt'"),
        ({"prompt": {"role": "user"}, "responses": [{"text": "a"}]}, "wrong_type", "'prompt'"),
        ({"prompt": "a", "responses": ["b"]}, "wrong_type", "this is text"),
        ({"prompt": "a", "responses": [{}]}, "wrong_type", "'text' must be text, it is missing or null"),
        ({"prompt": "a", "responses": [{"text": True}]}, "wrong_type", "it is true/false"),
        ({"prompt": "a", "responses": [{"text": "b", "score": "five"}]}, "wrong_type", "'score' must be a finite"),
        ({"prompt": "a", "responses": [{"text": "b", "score": True}]}, "wrong_type", "it is true/false"),
        ({"prompt": "a", "responses": [{"text": "b", "score": float("nan")}]}, "wrong_type", "number nan"),
        ({"prompt": "a", "responses": [{"text": "b", "score": float("inf")}]}, "wrong_type", "number inf"),
        ({"prompt": "a", "responses": [{"text": "b", "scores": [1]}]}, "wrong_type", "this is a list"),
        ({"prompt": "a", "responses": [{"text": "b", "scores": {"ann": "x"}}]}, "wrong_type", "'scores.ann'"),
        ({"prompt": "a", "responses": [{"text": "b", "score": 1, "scores": {"score": 2}}]}, "score_conflict", "is 1"),
        ({"prompt": [{"role": "tool", "content": "x"}], "responses": [{"text": "a"}]}, "tool_calls", "'tool'"),
        ({"prompt": [{"role": "pilot", "content": "x"}], "responses": [{"text": "a"}]}, "wrong_role", "'pilot'"),
        ({"prompt": [{"role": "user"}], "responses": [{"text": "a"}]}, "wrong_type", "'content'"),
        ({"prompt": [{"role": "assistant", "content": "x"}], "responses": [{"text": "a"}]}, "no_user_turn", "last"),
    ],
)  # fmt: skip
def test_multi_refuses_with_a_reason(row, reason, detail):
    found, words = refusal(multi.read, row)
    assert found == reason
    assert detail in words


def test_a_number_too_large_for_a_float_is_refused():
    reason, _ = refusal(multi.read, {"prompt": "a", "responses": [{"text": "b", "score": 10**400}]})
    assert reason == "wrong_type"


def test_prompts_alone_need_no_responses():
    found = prompts.read({"prompt": "a", "responses": "not looked at"})
    assert found == RawRow([{"role": "user", "content": "a"}], [])


def test_hh_splits_each_side_at_its_own_last_answer():
    found = hh.read(
        {"chosen": side("q", "a", "more?", " yes\n\nvery"), "rejected": side("q", "a", "more?", "no")}
    )
    assert found.messages == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "more?"},
    ]
    assert [r.text.strip() for r in found.responses] == ["yes\n\nvery", "no"]
    assert [r.scores for r in found.responses] == [{"human": 1.0}, {"human": 0.0}]


def test_hh_answers_of_different_length_keep_their_whole_text():
    found = hh.read({"chosen": side("q", "long " * 50), "rejected": side("q", "x")})
    assert found.responses[0].text.strip() == ("long " * 50).strip()
    assert found.responses[1].text.strip() == "x"


def test_hh_joins_turns_of_one_speaker_and_drops_empty_ones():
    context = "\n\nHuman: a\n\nHuman: b\n\nAssistant:\n\nHuman: c"
    found = hh.read({"chosen": context + "\n\nAssistant: x", "rejected": context + "\n\nAssistant: y"})
    assert found.messages == [{"role": "user", "content": "a\n\nb\n\nc"}]


def test_hh_words_like_a_speakers_name_inside_a_line_are_text():
    found = hh.read(
        {"chosen": side("is Human: a name?", "Human: is"), "rejected": side("is Human: a name?", "no")}
    )
    assert found.messages == [{"role": "user", "content": "is Human: a name?"}]
    assert found.responses[0].text.strip() == "Human: is"


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"chosen": side("q", "a")}, "wrong_type", "'rejected' must be text"),
        ({"chosen": 1, "rejected": side("q", "a")}, "wrong_type", "'chosen'"),
        ({"chosen": "", "rejected": ""}, "no_assistant_turn", ""),
        ({"chosen": side("q"), "rejected": side("q")}, "no_assistant_turn", "Human: q"),
        ({"chosen": side("q", "a"), "rejected": side("Q", "a")}, "context_differs", "'q' against 'Q'"),
        ({"chosen": side("q", "a", "r", "b"), "rejected": side("q", "a")}, "context_differs", "character 8"),
        ({"chosen": side("", "a"), "rejected": side("", "b")}, "no_user_turn", ""),
    ],
)
def test_hh_refuses_with_a_reason(row, reason, detail):
    found, words = refusal(hh.read, row)
    assert found == reason
    assert detail in words


@pytest.mark.parametrize(("context", "reason"), [("", "no_user_turn"), ("hello", "leading_text")])
def test_hh_without_a_human_turn_before_the_answer_is_refused(context, reason):
    row = {"chosen": context + "\n\nAssistant: a", "rejected": context + "\n\nAssistant: b"}
    assert refusal(hh.read, row)[0] == reason


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text.strip(),
        lambda text: text.removeprefix("\n"),
        lambda text: " \n" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.strip().replace("\n", "\r\n"),
        lambda text: text + "\n\n",
    ],
)
@pytest.mark.parametrize("turns", [("q",), ("q", "a\n\nb", "more?")])
def test_hh_keeps_every_turn_however_the_transcript_begins_and_ends_its_lines(form, turns):
    found = hh.read({"chosen": form(side(*turns, "yes")), "rejected": form(side(*turns, "no"))})
    assert [message["content"] for message in found.messages] == list(turns)
    assert [response.text.strip() for response in found.responses] == ["yes", "no"]


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ("You are kind.\n\nHuman: q", "leading_text"),
        ("\n\nHuman: q\nAssistant: a\nHuman: r", "unclear_turn"),
        ("\n\nHuman: q\n\nAssistant: a\n human : r", "unclear_turn"),
    ],
)
def test_hh_text_that_no_turn_holds_is_a_reason(context, reason):
    row = {"chosen": context + "\n\nAssistant: a", "rejected": context + "\n\nAssistant: b"}
    assert refusal(hh.read, row)[0] == reason


def test_hh_a_transcript_that_ends_with_the_human_puts_no_words_into_the_answer():
    row = {"chosen": side("q", "a", "bye"), "rejected": side("q", "b", "bye")}
    try:
        found = hh.read(row)
    except BadRow:
        return
    assert not any("Human:" in response.text for response in found.responses)


def shp_row(**changes):
    row = {
        "history": "how?", "human_ref_A": "so", "human_ref_B": "thus", "score_A": 5, "score_B": 2, "labels": 1,
    }  # fmt: skip
    return row | changes


def test_shp_scores_are_upvotes():
    assert shp.read(shp_row()) == RawRow(
        [{"role": "user", "content": "how?"}],
        [RawResponse("so", None, {"upvotes": 5.0}), RawResponse("thus", None, {"upvotes": 2.0})],
    )


@pytest.mark.parametrize(("a", "b", "label"), [(2, 5, 0), (5, 2, 1), (3, 3, 0), (3, 3, 1)])
def test_shp_a_label_that_agrees_with_the_scores_passes(a, b, label):
    found = shp.read(shp_row(score_A=a, score_B=b, labels=label))
    assert [r.scores["upvotes"] for r in found.responses] == [a, b]


@pytest.mark.parametrize(("a", "b", "label"), [(5, 2, 0), (2, 5, 1)])
def test_shp_a_label_that_contradicts_the_scores_is_set_aside(a, b, label):
    reason, detail = refusal(shp.read, shp_row(score_A=a, score_B=b, labels=label))
    assert reason == "label_contradicts_scores"
    assert detail == f"labels {label}, scores {a} and {b}"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"labels": 2}, "'labels' must be 0 or 1, it is 2"),
        ({"labels": "A"}, "'labels'"),
        ({"labels": [1]}, "'labels'"),
        ({"score_A": None}, "'score_A'"),
        ({"score_B": "two"}, "'score_B'"),
        ({"history": 5}, "'history'"),
        ({"human_ref_A": None}, "'human_ref_A'"),
        ({"human_ref_B": ["x"]}, "'human_ref_B'"),
    ],
)
def test_shp_refuses_wrong_types(changes, detail):
    reason, words = refusal(shp.read, shp_row(**changes))
    assert reason == "wrong_type"
    assert detail in words


def test_only_scores_on_one_scale_are_joined():
    joined = {name for name, source in SOURCES.items() if source.joinable}
    assert joined == {"builtin", "distilabel", "helpsteer2", "multi", "prompts", "shp", "ultrafeedback"}


def test_what_a_shape_brings_is_what_its_example_brings():
    assert {name: (s.responses, s.annotator, s.rule) for name, s in SOURCES.items()} == {
        "argilla": (True, "ann", False),
        "builtin": (True, None, True),
        "distilabel": (True, "rating", False),
        "helpsteer2": (True, "helpfulness", False),
        "helpsteer3": (True, "overall", False),
        "hh": (True, "human", False),
        "multi": (True, "score", False),
        "openai": (True, "label", False),
        "prompts": (False, None, False),
        "shp": (True, "upvotes", False),
        "trl": (True, "label", False),
        "ultrafeedback": (True, "overall_score", False),
    }


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"source": "csv"}, "prepare.source"),
        ({"source": "hub", "hub": {"shape": "csv"}}, "prepare.hub.shape"),
    ],
)
def test_a_shape_that_no_file_describes_is_refused_with_those_that_there_are(changes, key):
    with pytest.raises(UserError) as error:
        find(section("prepare", **changes))
    assert error.value.code == "prepare.unknown_shape"
    assert str(error.value).startswith(
        f"{key}: there is no shape 'csv'; there are argilla, builtin, distilabel,"
    )


def _params(changes):
    raw = raw_params()
    for key, value in changes.items():
        section_, _, name = key.partition(".")
        raw[section_][name] = value
    return Params.model_validate(raw)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"prepare.source": "prompts", "generate.mode": "given", "evaluate.scorer": "reward_model",
             "base.source": "hub"},
            ["generate.mode: given needs responses in the data, prompts has none; set sample"],
        ),
        # A model cannot be built from prompts without responses.
        (
            {"prepare.source": "prompts", "evaluate.scorer": "reward_model"},
            ["base.source: build needs texts to learn from, and prompts data has none; set local or hub"],
        ),
        (
            {"prepare.source": "multi", "generate.mode": "given"},
            ["evaluate.scorer: rule needs data with a rule, multi has none; set score_head or reward_model"],
        ),
        ({"evaluate.scorer": "score_head"}, ["evaluate.scorer: score_head learns from scores; give scored data"]),
        (
            {"prepare.source": "multi", "evaluate.scorer": "score_head"},  # the policy's own responses have no scores
            ["evaluate.scorer: score_head learns from scores; give scored data"],
        ),
        (
            {"prepare.source": "prompts", "generate.mode": "given"},
            ["base.source: build", "generate.mode: given", "evaluate.scorer: rule"],
        ),
    ],
)  # fmt: skip
def test_what_the_data_does_not_have_is_refused_with_its_mend(changes, lines):
    with pytest.raises(UserError) as error:
        check(_params(changes))
    assert error.value.code == "params.data_differs"
    head, *found = str(error.value).splitlines()
    assert head == f"params.yaml does not fit the data ({len(lines)} problem(s)):"
    assert [one.startswith(f"  - {line}") for one, line in zip(found, lines, strict=True)] == [True] * len(
        lines
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prepare.source": "shp", "generate.mode": "given", "evaluate.scorer": "score_head"},
        {"prepare.source": "prompts", "base.source": "hub", "evaluate.scorer": "reward_model"},
    ],
)
def test_what_the_data_has_is_accepted(changes):
    check(_params(changes))


def test_a_refused_row_can_be_printed():
    assert str(BadRow("blank", "x")) == "blank: x"
    assert json.dumps({"reason": BadRow("blank", "x").reason}) == '{"reason": "blank"}'
