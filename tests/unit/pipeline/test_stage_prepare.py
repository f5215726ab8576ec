"""prepare: every raw row is used or set aside with a reason, and the split follows content alone."""

import gzip
import json
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import refused

from realign.data.prepare import normalized
from realign.errors import UserError
from realign.store import artifacts, ids
from realign.store.artifacts import ARTIFACTS

TABLES = ("prompts", "given", "scores", "quarantine_prepare")
GOOD = {"prompt": "good?", "responses": [{"text": "yes"}, {"text": "no"}]}


@pytest.fixture
def run(tmp_path):
    """Run prepare on rows (or bytes), and check what must hold for any outcome."""

    def go(rows, source="multi", name="raw.jsonl", seed=7, **options):
        path = tmp_path / name
        path.write_bytes(rows if isinstance(rows, bytes) else as_bytes(rows))
        return outcome(path, source, seed, **options)

    return go


def as_bytes(rows):
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def outcome(path, source, seed=7, **options):
    changes = {"source": source, "path": str(path), "max_share_dropped": 1.0, **options}
    return run_stage("prepare", None, path.parent, {"seed": seed, **under("prepare", **changes)}, raw=path)


def reasons(found, unit="response"):
    rows = found.quarantine_prepare
    return rows.loc[rows["unit"] == unit, "reason"].tolist()


def responses(*texts):
    return {"prompt": "p?", "responses": [{"text": text} for text in texts]}


def test_a_row_becomes_a_prompt_with_responses_and_scores(run):
    row = {
        "prompt": "Why?",
        "responses": [
            {"text": " so \n", "generator": "m", "score": 1},
            {"text": "no", "scores": {"ann": 0.5}},
        ],
    }
    found = run([row])
    (prompt,) = found.prompts.to_dict("records")
    assert prompt["prompt_id"] == ids.prompt_id([{"role": "user", "content": "Why?"}])
    assert ids.load_messages(prompt["messages"]) == [{"role": "user", "content": "Why?"}]
    assert found.given["text"].tolist() == ["so", "no"]
    assert found.given["generator"].fillna("unknown").tolist() == ["m", "unknown"]
    so, no = (ids.response_id(prompt["prompt_id"], text) for text in ("so", "no"))
    assert found.given["response_id"].tolist() == [so, no]
    assert found.scores[["response_id", "annotator", "score"]].values.tolist() == [
        [so, "score", 1.0],
        [no, "ann", 0.5],
    ]


def test_a_rule_counts_for_the_builtin_tasks_alone(run):
    rule = {"task": "arithmetic", "answer": 2, "given": []}
    row = {"prompt": "p", "rule": rule, "responses": [{"text": "a"}]}
    assert [json.loads(r) for r in run([row], source="builtin").prompts["rule"]] == [rule]
    assert run([row], source="multi").prompts["rule"].isna().all()


@pytest.mark.parametrize(
    "rule",
    [
        None,
        "be kind",
        {"task": "essay"},
        {"task": ["list"]},
        {"task": "arithmetic"},
        pytest.param({"task": "arithmetic", "answer": 10**400, "given": []}),
        pytest.param({"task": "list", "count": float("nan"), "valid": [], "rivals": []}),
    ],
)
def test_a_builtin_row_whose_rule_cannot_be_applied_is_set_aside(run, rule):
    good = {
        "prompt": "q?",
        "rule": {"task": "arithmetic", "answer": 2, "given": []},
        "responses": [{"text": "2"}],
    }
    found = run([good, {"prompt": "p?", "rule": rule, "responses": [{"text": "a"}]}], source="builtin")
    assert len(found.prompts) == 1
    assert reasons(found, "row") == ["bad_rule"]


def test_prompts_need_no_responses(run):
    found = run([{"prompt": "p"}, {"prompt": "q", "responses": [{"text": "a"}]}], source="prompts")
    assert len(found.prompts) == 2
    assert found.given.empty
    assert found.scores.empty


def test_rows_of_one_prompt_are_joined(run):
    found = run([responses("a", "b"), responses("c", "b")])
    assert len(found.prompts) == 1
    assert found.given["text"].tolist() == ["a", "b", "c"]
    assert found.tally_prepare.as_json() == {
        "row": {"in": 2, "out": 2, "quarantined": {}},
        "prompt": {"in": 1, "out": 1, "quarantined": {}},
        "response": {"in": 4, "out": 3, "quarantined": {"duplicate_text": 1}},
    }


def test_shp_rows_of_one_post_are_joined_and_contradictions_set_aside(run):
    def row(a, b, score_a, score_b, label):
        return {"history": "how?", "human_ref_A": a, "human_ref_B": b, "score_A": score_a, "score_B": score_b,
                "labels": label}  # fmt: skip

    found = run([row("x", "y", 5, 2, 1), row("z", "x", 1, 5, 0), row("u", "v", 9, 1, 0)], source="shp")
    assert len(found.prompts) == 1
    named = found.scores.merge(found.given, on="response_id")
    assert dict(zip(named["text"], named["score"], strict=True)) == {"x": 5.0, "y": 2.0, "z": 1.0}
    assert set(found.scores["annotator"]) == {"upvotes"}
    (aside,) = found.quarantine_prepare.query("unit == 'row'").to_dict("records")
    assert aside["id"] == "raw.jsonl line 3"
    assert aside["reason"] == "label_contradicts_scores"


def hh(context, chosen, rejected, other=None):
    return {
        "chosen": f"{context}\n\nAssistant: {chosen}",
        "rejected": f"{context if other is None else other}\n\nAssistant: {rejected}",
    }


def test_hh_keeps_the_conversation_and_who_was_chosen(run):
    context = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"
    found = run([hh(context, "yes", "no")], source="hh")
    assert [m["content"] for m in ids.load_messages(found.prompts["messages"].iloc[0])] == ["a", "b", "c"]
    named = found.scores.merge(found.given, on="response_id")
    assert dict(zip(named["text"], named["score"], strict=True)) == {"yes": 1.0, "no": 0.0}


def test_hh_rows_are_set_aside_with_their_reasons(run):
    q = "\n\nHuman: q"
    rows = [
        hh(q, "yes", "no"),
        hh(q, "other", "answers"),
        hh(q, "a", "b", other="\n\nHuman: Q"),
        hh("\n\nHuman: r", "", "b"),
        hh("\n\nHuman: s", " \n", "b"),
        hh("\n\nHuman: t", "same", "same"),
    ]
    found = run(rows, source="hh")
    aside = found.quarantine_prepare.set_index("id")["reason"].to_dict()
    assert aside == {
        "raw.jsonl line 2": "duplicate_prompt",
        "raw.jsonl line 3": "context_differs",
        "raw.jsonl line 4 response 1": "blank",
        "raw.jsonl line 5 response 1": "blank",
        "raw.jsonl line 6 response 2": "score_conflict",
    }
    assert sorted(found.given["text"]) == ["b", "b", "no", "same", "yes"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t", "blank"),
        ("\u3000", "blank"),
        ("x" * 20_001, "too_long"),
        ("x" * 1_000_000, "too_long"),
        ("a\0b", "nul_character"),
        ("a\ud800", "not_unicode"),
    ],
)
def test_a_text_that_cannot_be_used_is_set_aside(run, text, reason):
    found = run([GOOD, responses(text, "fine")])
    assert reasons(found) == [reason]
    assert "fine" in found.given["text"].tolist()
    found = run([GOOD, {"prompt": text, "responses": [{"text": "a"}]}])
    assert reasons(found, "row") == [f"prompt_{reason}"]
    assert len(found.prompts) == 1
    assert found.quarantine_prepare["detail"].str.len().max() <= 200


def test_a_long_text_passes_where_the_limit_allows_it(run):
    found = run([responses("x" * 1_000_000, "y" * 20_000, "z")], max_chars=1_000_000)
    assert sorted(map(len, found.given["text"])) == [1, 20_000, 1_000_000]


def test_one_response_or_all_equal_leave_a_prompt_with_one(run):
    found = run([responses("a"), {"prompt": "q?", "responses": [{"text": t} for t in ("b", "b ", "\nb")]}])
    assert sorted(found.given["text"]) == ["a", "b"]
    assert reasons(found) == ["duplicate_text", "duplicate_text"]
    assert len(found.prompts) == 2


@pytest.mark.parametrize("field", ["annotator", "generator"])
def test_lone_surrogates_beside_the_texts_are_no_bug_report(run, field):
    response = {"text": "a", "score": 1}
    row = {"prompt": "p?", "responses": [response, {"text": "b"}]}
    if field == "annotator":
        response["scores"] = {"\ud800": 1}
    else:
        response["generator"] = "\ud800"
    assert len(run([GOOD, row]).prompts) >= 1


def test_a_byte_order_mark_and_gzip_change_nothing(run):
    plain = run([GOOD])
    for found in (
        run(b"\xef\xbb\xbf" + as_bytes([GOOD])),
        run(gzip.compress(as_bytes([GOOD])), name="raw.jsonl.gz"),
    ):
        pd.testing.assert_frame_equal(found.prompts, plain.prompts)
        pd.testing.assert_frame_equal(found.given, plain.given)


@pytest.mark.parametrize(
    ("content", "name", "code", "words"),
    [
        (b"", "raw.jsonl", "raw.empty", "is empty. It must hold one JSON object a line"),
        (b"\n\n", "raw.jsonl", "raw.empty", "is empty"),
        (
            gzip.compress(as_bytes([GOOD] * 9), mtime=0)[:-9],
            "raw.jsonl.gz",
            "raw.unreadable",
            "cannot be read",
        ),
        (b"hello", "raw.jsonl.gz", "raw.unreadable", "is it gzip if its name ends with .gz?"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message(run, content, name, code, words):
    with pytest.raises(UserError) as refusal:
        run(content, name=name)
    assert refusal.value.code == code
    assert name in str(refusal.value)
    assert words in str(refusal.value)


def test_an_absent_file_is_one_message(tmp_path):
    with refused("raw.no_file") as error:
        outcome(tmp_path / "none.jsonl", "multi")
    assert error.value.code == "raw.no_file"


BROKEN = {
    "multi": ["{", "5", {"prompt": "a"}, {"prompt": 1, "responses": [{"text": "x"}]}, {"prompt": "a", "responses": []}],
    "builtin": ["{", "[]", {"prompt": "a", "responses": [1]}],
    "prompts": ["nul", {"prompts": "a"}, {"prompt": []}, {"prompt": [{"role": "assistant", "content": "x"}]}],
    "hh": ["{", {"chosen": "a"}, {"chosen": "a", "rejected": "b"}, hh("\n\nHuman: a", "x", "y", "\n\nHuman: b")],
    "shp": ["{", {"history": "a"}, {"history": "a", "score_A": 1, "score_B": 2, "labels": 1}],
}  # fmt: skip


@pytest.mark.parametrize("source", sorted(BROKEN))
def test_a_file_of_another_shape_names_file_lines_and_mend(run, source):
    rows = BROKEN[source]
    with refused("prepare.too_many_bad_rows") as refusal:
        run(rows, source=source, max_share_dropped=0.1)
    head, *lines = str(refusal.value).splitlines()
    assert head.startswith(f"raw.jsonl: {len(rows)} of {len(rows)} rows cannot be read as {source!r} data")
    assert "prepare.max_share_dropped is 0.1" in head
    assert "Mend the rows, or set prepare.source" in head
    assert sum(int(line.split()[1]) for line in lines) == len(rows)
    assert "not_json (the line is not JSON), the first in raw.jsonl line 1: " in "\n".join(lines)


@pytest.mark.parametrize("source", sorted(BROKEN))
def test_a_file_without_a_usable_row_is_refused_whatever_the_limit(run, source):
    with refused("prepare.too_many_bad_rows") as error:
        run(BROKEN[source], source=source, max_share_dropped=1.0)
    assert error.value.code == "prepare.too_many_bad_rows"


def test_a_few_broken_rows_are_allowed_up_to_the_limit(run):
    rows = [{"prompt": f"p{i}", "responses": [{"text": "a"}]} for i in range(9)]
    found = run([*rows, "{"], max_share_dropped=0.1)
    assert reasons(found, "row") == ["not_json"]
    with refused("prepare.too_many_bad_rows", match="2 of 11 rows"):
        run([*rows, "{", "5"], max_share_dropped=0.1)


def test_one_reason_for_many_rows_is_one_line(run):
    with refused("prepare.too_many_bad_rows") as refusal:
        run(["{"] * 500)
    assert len(str(refusal.value).splitlines()) == 2
    assert "  - 500 not_json" in str(refusal.value)


def many(count, start=0):
    return [
        {"prompt": f"Question {i} of many?", "responses": [{"text": f"a{i}", "score": 1}, {"text": f"b{i}"}]}
        for i in range(start, start + count)
    ]


def test_the_split_is_the_same_whatever_the_order_and_the_company(run):
    def split(rows, **options):
        frame = run(rows, **options).prompts
        return dict(zip(frame["prompt_id"], frame["split"], strict=True))

    alone = split(many(80))
    assert split(many(80)[::-1]) == alone
    larger = split(many(80) + many(80, start=1000))
    assert {prompt: larger[prompt] for prompt in alone} == alone
    assert split(many(80), seed=8) != alone


def test_the_same_rows_in_another_order_give_the_same_bytes(run, tmp_path):
    files = []
    for rows in (many(30), many(30)[::-1]):
        found = run(rows)
        for table in TABLES[:3]:
            path = tmp_path / f"{table}{len(files)}.parquet"
            artifacts.write_table(path, getattr(found, table), ARTIFACTS[table].table)
            files.append(path.read_bytes())
    assert files[:3] == files[3:]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_about_the_wanted_share_is_held_out(run, share):
    held_out = (run(many(600), eval_share=share).prompts["split"] == "eval").mean()
    assert abs(held_out - share) < 4 * (share * (1 - share) / 600) ** 0.5


def test_conversations_that_begin_alike_are_on_one_side(run):
    def talk(*turns):
        roles = ("user", "assistant")
        return {
            "prompt": [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)],
            "responses": [{"text": "a"}],
        }

    rows, groups = [], 40
    for i in range(groups):
        rows += [
            talk(f"Tell me about {i}."),
            talk(f"tell  me ABOUT {i}"),
            talk(f"Tell me about {i}!", "Well.", f"More, number {i * 7}"),
            {"prompt": [{"role": "system", "content": f"You are {i * 3}."},
                        {"role": "user", "content": f"Tell me about {i}"}], "responses": [{"text": "a"}]},
        ]  # fmt: skip
    found = run(rows).prompts
    assert len(found) == 4 * groups
    assert found["group"].nunique() == groups
    assert (found.groupby("group")["split"].nunique() == 1).all()
    assert set(found["split"]) == {"train", "eval"}


def test_near_copies_are_known_by_case_form_and_punctuation():
    assert normalized("  Ｈello,  WORLD! ") == "hello world"
    assert normalized("Straße") == normalized("STRASSE")
    assert normalized("???") == "???"
    assert normalized("??") != normalized("!!")


def test_too_many_prompts_or_responses_are_left_out_by_hash(run):
    everything = run(many(40))
    some = run(many(40), max_prompts=10)
    assert len(some.prompts) == 10
    assert len(some.given) == 20
    assert Counter(reasons(some)) == {"over_max_prompts": 60}
    assert Counter(reasons(some, "prompt")) == {"over_max_prompts": 30}
    assert set(some.prompts["prompt_id"]) < set(everything.prompts["prompt_id"])
    assert set(run(many(40)[::-1], max_prompts=10).prompts["prompt_id"]) == set(some.prompts["prompt_id"])
    assert set(run(many(40), max_prompts=10, seed=8).prompts["prompt_id"]) != set(some.prompts["prompt_id"])

    ten = [{"prompt": "p?", "responses": [{"text": f"t{i}", "score": i} for i in range(10)]}]
    few = run(ten, max_responses=4)
    assert Counter(reasons(few)) == {"over_max_responses": 6}
    assert len(few.given) == len(few.scores) == 4
    ten[0]["responses"].reverse()
    assert set(run(ten, max_responses=4).given["text"]) == set(few.given["text"])


TEXT = st.sampled_from(
    [
        "",
        " ",
        "a",
        "b",
        "A",
        "a\0",
        "\ud800",
        "\u202eabc",
        "x" * 60,
        "é\u0301",
        "\n\nHuman: a",
        "\n\nAssistant:",
    ]
) | st.text(max_size=6)
SMALL = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.just("x")
PLAIN = st.text(max_size=5)
RESPONSE = st.fixed_dictionaries(
    {"text": TEXT},
    optional={
        "score": SMALL,
        "generator": SMALL | PLAIN,
        "scores": SMALL | st.dictionaries(PLAIN, SMALL, max_size=2),
    },
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "user", "assistant", "tool"]), "content": TEXT}
)
PROMPT = TEXT | st.lists(MESSAGE | SMALL, max_size=3) | SMALL
MULTI = st.fixed_dictionaries(
    {
        "prompt": PROMPT,
        "responses": st.lists(RESPONSE | SMALL, max_size=4) | st.lists(RESPONSE, min_size=1) | SMALL,
    },
    optional={"rule": SMALL | st.dictionaries(PLAIN, SMALL, max_size=2)},
)
TALK = st.lists(
    st.sampled_from(["\n\nHuman: q", "\n\nAssistant: a", "\n\nHuman:", " b", "\n\nAssistant:"]), max_size=4
)
SIDE = TALK.map(lambda parts: "\n\nHuman: q" + "".join(parts))
HH = st.fixed_dictionaries({"chosen": SIDE, "rejected": SIDE | SMALL})
SHP = st.fixed_dictionaries(
    {"history": TEXT, "human_ref_A": TEXT, "human_ref_B": TEXT | SMALL, "score_A": st.integers(0, 3) | SMALL,
     "score_B": st.integers(0, 3), "labels": st.integers(0, 2)}
)  # fmt: skip
SHAPED = {"builtin": MULTI, "multi": MULTI, "prompts": MULTI, "hh": HH, "shp": SHP}
SOUND = {
    "builtin": GOOD | {"rule": {"task": "arithmetic", "answer": 2, "given": []}},
    "multi": GOOD,
    "prompts": GOOD,
    "hh": hh("\n\nHuman: sound", "x", "y"),
    "shp": {
        "history": "sound",
        "human_ref_A": "x",
        "human_ref_B": "y",
        "score_A": 1,
        "score_B": 0,
        "labels": 1,
    },
}
LINE = st.sampled_from([b"{", b"null", b"[]", b"\xff", b"\xef\xbb\xbf{}", b"", b"  "]) | st.binary(max_size=6)


@pytest.mark.parametrize("source", sorted(SHAPED))
@settings(max_examples=15)
@given(data=st.data())
def test_messy_rows_are_used_or_set_aside_and_never_lost(tmp_path_factory, source, data):
    messy = SHAPED[source].map(lambda found: json.dumps(found).encode()) | LINE
    sound = json.dumps(SOUND[source]).encode()
    rows = [sound, *data.draw(st.lists(messy, max_size=12))]  # what a file begins with says what it is
    path = tmp_path_factory.getbasetemp() / f"messy-{source}.jsonl"
    path.write_bytes(b"\n".join(rows))
    found = outcome(path, source, max_chars=50, max_responses=3, max_prompts=3)
    tally = found.tally_prepare.as_json()
    assert tally["row"]["in"] == sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    assert tally["prompt"]["out"] == len(found.prompts) <= 3
    assert tally["response"]["out"] == len(found.given)
    assert set(found.given["prompt_id"]) <= set(found.prompts["prompt_id"])
    assert set(found.scores["response_id"]) <= set(found.given["response_id"])
    assert found.given["text"].map(lambda text: text == text.strip() != "").all()
