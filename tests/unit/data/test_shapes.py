"""The field's shapes: recognized, read whole with their labels, in every file format, or refused with a reason."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_shapes import ROWS
from unit_builders import section

from realign.data.prepare import prepare
from realign.data.raw import REASONS, BadRow
from realign.data.sources import sources
from realign.errors import UserError
from realign.store import ids

FORMS = [pytest.param(shape, make, id=make.__name__) for shape, forms in ROWS.items() for make in forms]
COUNT = 24


def read(tmp_path, rows, source="auto", **options):
    path = tmp_path / "raw.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(path, section("prepare", source=source, **options), 7)


def sides(made, annotator):
    """The text with the higher score and the one with the lower, by prompt."""
    scored = made.scores[made.scores["annotator"] == annotator].merge(
        made.given, on=["prompt_id", "response_id"]
    )
    ranked = scored.sort_values("score").groupby("prompt_id")["text"]
    return zip(ranked.last(), ranked.first(), strict=True)


@pytest.mark.parametrize(("shape", "make"), FORMS)
def test_a_shape_is_recognized_and_nothing_of_it_is_lost(tmp_path, shape, make):
    made = read(tmp_path, [make(number) for number in range(COUNT)])
    assert made.source.name == shape
    assert made.quarantine.rows == []
    assert len(made.prompts) == (COUNT // 2 if shape == "helpsteer2" else COUNT)
    for messages in made.prompts["messages"].map(ids.load_messages):
        assert messages[-1]["role"] == "user"
        words = "\n".join(message["content"] for message in messages)
        assert "tap" in words and "extra_id" not in words and "Human:" not in words
    for good, bad in sides(made, made.source.annotator):
        assert good.startswith("Change the washer") and bad.startswith("No idea")


@pytest.mark.parametrize(("shape", "make"), FORMS)
def test_the_same_rows_from_parquet_and_an_array_are_the_same_tables(tmp_path, shape, make):
    rows = [make(number) for number in range(COUNT)]
    lines = read(tmp_path, rows)
    array, table = tmp_path / "raw.json", tmp_path / "raw.parquet"
    array.write_text(json.dumps(rows))
    pd.DataFrame(rows).to_parquet(table)
    for path in (array, table):
        made = prepare(path, section("prepare", source="auto"), 7)
        assert made.source.name == shape
        for name in ("prompts", "given", "scores"):
            pd.testing.assert_frame_equal(getattr(made, name), getattr(lines, name))


@pytest.mark.parametrize("shape", ["trl", "shp", "helpsteer2", "distilabel", "multi", "ultrafeedback"])
def test_the_same_rows_from_csv_are_the_same_tables(tmp_path, shape):
    rows = [ROWS[shape][0](number) for number in range(COUNT)]
    lines = read(tmp_path, rows)
    cells = [{key: v if isinstance(v, str) else json.dumps(v) for key, v in row.items()} for row in rows]
    pd.DataFrame(cells).to_csv(tmp_path / "raw.csv", index=False)
    made = prepare(tmp_path / "raw.csv", section("prepare", source="auto"), 7)
    assert made.source.name == shape
    for name in ("prompts", "given", "scores"):
        pd.testing.assert_frame_equal(getattr(made, name), getattr(lines, name))


def test_rows_of_no_shape_name_their_keys_and_the_shapes(tmp_path):
    with pytest.raises(UserError, match=r"has 'alpha', 'beta'\. .*argilla, builtin") as error:
        read(tmp_path, [{"alpha": 1, "beta": 2}] * 3)
    assert error.value.code == "prepare.shape_not_recognized"


CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}],
}


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "q"}, CALL, {"role": "tool", "content": "12"}],
        [{"role": "user", "content": "q"}, {"role": "function", "name": "f", "content": "12"}],
        [{"from": "human", "value": "q"}, {"from": "observation", "value": "12"}],
        [{"role": "user", "content": [{"type": "tool_result", "content": "12"}]}],
    ],
)
def test_tool_calls_are_refused_as_tool_calls(tmp_path, turns):
    rows = [{"prompt": turns, "responses": [{"text": "a"}, {"text": "b"}]}] * COUNT
    with pytest.raises(UserError, match="24 tool_calls") as error:
        read(tmp_path, rows)
    assert error.value.code == "prepare.too_many_bad_rows"


def test_a_response_that_calls_a_tool_is_refused_as_well(tmp_path):
    row = {"prompt": "q", "chosen": [CALL], "rejected": [{"role": "assistant", "content": "b"}]}
    with pytest.raises(UserError, match="tool_calls"):
        read(tmp_path, [row])


@pytest.mark.parametrize(
    ("shape", "row", "reason"),
    [
        ("trl", {"prompt": "q", "chosen": "a"}, "wrong_type"),
        ("trl", {"chosen": "alpha", "rejected": "beta"}, "no_shared_prompt"),
        ("trl", {"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 1, "score_rejected": 2},
         "label_contradicts_scores"),
        ("trl", {"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
                 "rejected": [{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]},
         "context_differs"),
        ("trl", {"prompt": "q", "chosen": [{"role": "user", "content": "r"}, {"role": "assistant", "content": "a"}],
                 "rejected": [{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]},
         "context_differs"),
        ("openai", {"input": {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
                    "preferred_output": "a", "non_preferred_output": "b"}, "not_text"),
        ("openai", {"input": {}, "preferred_output": "a", "non_preferred_output": "b"}, "wrong_type"),
        ("helpsteer2", {"prompt": "q", "response": "a"}, "wrong_type"),
        ("distilabel", {"instruction": "q", "generations": ["a", "b"], "ratings": [1]}, "wrong_type"),
        ("argilla", {"fields": {"prompt": "q", "response1": "a", "response2": "b"},
                     "responses": {"better": [{"value": "neither of them", "user_id": "u"}]}}, "unclear_label"),
        ("argilla", {"fields": {"prompt": "q", "response1": "a", "response2": "b"}, "responses": {}}, "unclear_label"),
        ("multi", {"prompt": "q", "responses": [None]}, "no_responses"),
        ("shp", {"history": "q", "human_ref_A": "a", "human_ref_B": "b", "score_A": 1, "score_B": 2, "labels": 1},
         "label_contradicts_scores"),
    ],
)  # fmt: skip
def test_what_no_reader_understands_has_a_reason(shape, row, reason):
    with pytest.raises(BadRow) as bad:
        sources()[shape].read(row)
    assert bad.value.reason == reason in REASONS


def test_two_annotators_in_two_rows_are_both_kept(tmp_path):
    def row(who, one, two):
        return {
            "prompt": "q",
            "responses": [{"text": "a", "scores": {who: one}}, {"text": "b", "scores": {who: two}}],
        }

    made = read(tmp_path, [row("ann", 5, 1), row("bob", 2, 4)])
    assert made.scores.groupby("annotator")["score"].apply(list).to_dict() == {
        "ann": [5.0, 1.0],
        "bob": [2.0, 4.0],
    }
    assert made.tally.as_json()["response"] == {"in": 2, "out": 2, "quarantined": {}}


@pytest.mark.parametrize(
    ("shape", "first", "second", "reason"),
    [
        ("multi", [("a", 5), ("b", 1)], [("a", 2), ("c", 4)], "score_conflict"),
        ("trl", [("a", 1), ("b", 0)], [("b", 1), ("a", 0)], "score_conflict"),
        ("trl", [("a", 1), ("b", 0)], [("c", 1), ("b", 0)], "duplicate_prompt"),
        ("trl", [("a", 1), ("b", 0)], [("a", 1), ("b", 0)], "duplicate_prompt"),
        ("shp", [("a", 12), ("b", 3)], [("c", 5), ("a", 2)], "score_conflict"),
    ],
)
def test_another_row_that_says_otherwise_is_set_aside_and_flips_no_label(
    tmp_path, shape, first, second, reason
):
    def row(texts):
        (one, high), (other, low) = texts
        if shape == "multi":
            return {"prompt": "q", "responses": [{"text": one, "score": high}, {"text": other, "score": low}]}
        if shape == "trl":
            return {"prompt": "q", "chosen": one, "rejected": other}
        return {
            "history": "q",
            "human_ref_A": one,
            "human_ref_B": other,
            "score_A": high,
            "score_B": low,
            "labels": 1,
        }

    made = read(tmp_path, [row(first), row(second)], shape, max_share_dropped=1.0)
    assert [(unit, why) for unit, _, why, _ in made.quarantine.rows] == [("row", reason)]
    assert dict(zip(made.given["text"], made.scores["score"], strict=True)) == dict(first)


def test_a_second_rule_for_a_prompt_is_a_conflict(tmp_path):
    rows = [
        {
            "prompt": "q",
            "rule": {"task": "arithmetic", "answer": n, "given": []},
            "responses": [{"text": f"It is {n}."}],
        }
        for n in (2, 3)
    ]
    made = read(tmp_path, rows, "builtin", max_share_dropped=1.0)
    assert [why for _, _, why, _ in made.quarantine.rows] == ["rule_conflict"]


LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(
        [
            "\n\nHuman: q\n\nAssistant: a",
            "[{",
            '[{"role": "user", "content": "q"}]',
            "N/A",
            "response1",
            "<extra_id_1>User\n",
        ]
    )
)


@st.composite
def damaged(draw, value):
    """A row of which something is replaced, dropped, or put where it does not belong."""
    if draw(st.integers(0, 6)) == 0:
        return draw(
            LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(st.text(max_size=3), LEAF, max_size=2)
        )
    if isinstance(value, dict):
        kept = {key: draw(damaged(item)) for key, item in value.items() if draw(st.integers(0, 9))}
        return kept | draw(
            st.dictionaries(
                st.sampled_from(["prompt", "messages", "system", "x.responses"]), LEAF, max_size=1
            )
        )
    if isinstance(value, list):
        return [draw(damaged(item)) for item in value if draw(st.integers(0, 9))]
    return value


@pytest.mark.parametrize("source", ["auto", *sorted(sources())])
@settings(max_examples=20)
@given(data=st.data())
def test_damaged_rows_of_any_shape_are_used_or_set_aside(tmp_path_factory, source, data):
    makers = [make for shape, forms in ROWS.items() for make in forms if source in ("auto", shape)] or ROWS[
        "multi"
    ]
    rows = [data.draw(damaged(data.draw(st.sampled_from(makers))(number))) for number in range(3)]
    path = tmp_path_factory.getbasetemp() / f"damaged-{source}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        made = prepare(path, section("prepare", source=source, max_share_dropped=1.0), 7)
    except UserError as error:
        assert error.code in ("prepare.too_many_bad_rows", "prepare.shape_not_recognized", "raw.broken_array")
        return
    made.tally.check(made.quarantine.frame())
    assert {why for _, _, why, _ in made.quarantine.rows} <= set(REASONS)
    assert set(made.scores["response_id"]) <= set(made.given["response_id"])
