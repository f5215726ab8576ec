"""Votes go out and come back without loss; what matches nothing is refused, all of it at once."""

import contextlib
import csv
import json
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest
from exchange_builders import HOSTILE, queue, votes
from hypothesis import given
from hypothesis import strategies as st

from realign.errors import UserError
from realign.labelers.human import exchange
from realign.labelers.human.exchange import label_studio
from realign.labelers.human.exchange.plain import _escaped, _unescaped
from realign.labelers.human.votes import ELSEWHERE
from realign.store import ids, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import conform
from realign.store.ledger_rows import unsound

csv.field_size_limit(10**9)  # this file reads what it wrote by the module alone

NOW = "2031-05-05T05:05:05.000+00:00"
FILES = {"label-studio": "out.json", "jsonl": "out.jsonl", "csv": "out.csv"}
TURNS = [
    {"role": "system", "content": "Be =brief"},
    {"role": "user", "content": "One\r\n"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "[three"},
]


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _simple(pairs, number=0, **changes):
    pair = pairs.iloc[number]
    prompt = ids.load_messages(pair["messages"])
    row = {"prompt": prompt, "response_a": pair["text_a"], "response_b": pair["text_b"]}
    return row | {"label": "a", "annotator": "ann"} | changes


@pytest.mark.parametrize("format_", FILES)
def test_a_round_trip_loses_nothing(format_, tmp_path):
    pairs = queue([*HOSTILE, TURNS])
    said = votes(pairs)
    path = tmp_path / FILES[format_]
    assert exchange.write(pairs, said, path, format_) == len(pairs)
    back = exchange.read(path, pairs, NOW)
    pd.testing.assert_frame_equal(back, said)
    assert unsound(back) == []
    conform(back, schemas.LEDGER, "votes")
    again = path.with_name(f"again{path.suffix}")
    exchange.write(pairs.sample(frac=1, random_state=1), back.sample(frac=1, random_state=1), again, format_)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("format_", FILES)
def test_without_our_ids_the_texts_find_the_pair(format_, tmp_path):
    pairs = queue([*HOSTILE, TURNS])
    said = votes(pairs)
    path = tmp_path / FILES[format_]
    exchange.write(pairs, said, path, format_)
    if format_ == "csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        with path.open("w", encoding="utf-8", newline="") as stream:  # and without the UTF-8 mark
            writer = csv.DictWriter(stream, [name for name in rows[0] if name != "pair_id"])
            writer.writeheader()
            writer.writerows({key: value for key, value in row.items() if key != "pair_id"} for row in rows)
    elif format_ == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        _write(path, ({key: value for key, value in row.items() if key != "pair_id"} for row in rows))
    else:
        tasks = json.loads(path.read_text())
        for task in tasks:
            del task["data"]["pair_id"]
        path.write_text(json.dumps(tasks))
    pd.testing.assert_frame_equal(exchange.read(path, pairs, NOW), said)


@pytest.mark.parametrize("format_", FILES)
def test_the_file_holds_every_pair_in_order_of_value_and_no_known_answer(format_, tmp_path):
    pairs = queue(HOSTILE)
    path = tmp_path / FILES[format_]
    exchange.write(pairs, batches.empty(), path, format_)
    if format_ == "csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found = [row["pair_id"] for row in csv.DictReader(stream)]
    elif format_ == "jsonl":
        found = [json.loads(line)["pair_id"] for line in path.read_text().splitlines()]
    else:
        found = [task["data"]["pair_id"] for task in json.loads(path.read_text())]
    value = pairs.set_index("pair_id")["value"]
    assert sorted(found) == sorted(pairs["pair_id"])
    assert value[found].is_monotonic_decreasing
    assert "known" not in path.read_text()
    assert exchange.read(path, pairs, NOW).empty


def test_only_peoples_votes_on_these_pairs_go_out(tmp_path):
    pairs = queue(HOSTILE[:6])
    said = votes(pairs)
    machine = said.iloc[:1].assign(kind="llm_judge", label_id="0")
    path = tmp_path / "out.jsonl"
    exchange.write(pairs.iloc[:3], pd.concat([said, machine]), path, "jsonl")
    back = exchange.read(path, pairs, NOW)
    pd.testing.assert_frame_equal(
        back, said[said["pair_id"].isin(pairs["pair_id"][:3])].reset_index(drop=True)
    )


def test_a_spreadsheet_runs_no_formula(tmp_path):
    pairs = queue(HOSTILE)
    path = tmp_path / "out.csv"
    exchange.write(pairs, votes(pairs), path, "csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(st.none() | st.text())
def test_a_csv_cell_comes_back_as_it_was(text):
    assert _unescaped(_escaped(text)) == text


def test_what_people_type_into_a_csv_stays_what_they_typed():
    assert [_unescaped(cell) for cell in ("'tis", "it's", "a=b", "5")] == ["'tis", "it's", "a=b", "5"]


@pytest.mark.parametrize("label", ["a", "b", "tie", "both_bad", "abstain"])
def test_a_label_in_the_files_order_is_turned_to_ours(label, tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    straight = _simple(pairs, label=label)
    turned = straight | {"response_a": straight["response_b"], "response_b": straight["response_a"]}
    found = exchange.read(_write(tmp_path / "v.jsonl", [straight]), pairs, NOW).iloc[0]
    other = exchange.read(_write(tmp_path / "v.jsonl", [turned]), pairs, NOW).iloc[0]
    assert found["winner"] == label
    assert other["winner"] == {"a": "b", "b": "a"}.get(label, label)
    assert (found["p_a"] + other["p_a"], found["label_id"]) == (1.0, other["label_id"])


def test_a_plain_row_needs_only_pair_label_and_annotator(tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    bare = {"pair_id": pairs["pair_id"][0], "label": "b", "annotator": "ann"}
    found = exchange.read(_write(tmp_path / "v.jsonl", [bare]), pairs, NOW)
    row = found.iloc[0]
    assert (row["winner"], row["given_at"], row["fingerprint"]) == ("b", NOW, ELSEWHERE)
    assert (row["occasion"], row["seconds"]) == (0, 0.0)
    assert found[["rationale", "confidence"]].isna().all(axis=None)
    padded = _simple(pairs, prompt="Why?", response_a=f" {pairs['text_a'][0]}\n", label="b")
    pd.testing.assert_frame_equal(exchange.read(_write(tmp_path / "w.jsonl", [padded]), pairs, NOW), found)


def test_times_become_utc(tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    given = ["2030-01-01T12:00:00Z", "2030-01-01T12:00:00+02:00", "2030-01-01T12:00:00"]
    rows = [_simple(pairs, annotator=str(n), given_at=moment) for n, moment in enumerate(given)]
    found = exchange.read(_write(tmp_path / "v.jsonl", rows), pairs, NOW).set_index("annotator")["given_at"]
    assert found[["0", "1", "2"]].str[11:].tolist() == ["12:00:00+00:00", "10:00:00+00:00", "12:00:00+00:00"]


def test_all_faults_of_a_file_are_in_one_message_with_their_lines(tmp_path):
    pairs = queue(["Why?", "How?"], ["one", "two"])
    other = pairs["pair_id"][1]
    rows = [
        _simple(pairs),
        _simple(pairs, label="A"),
        _simple(pairs, prompt="Nobody asked this"),
        _simple(pairs, label="b"),
        _simple(pairs, annotator=""),
        _simple(pairs, annotator="bob", confidence=4),
        _simple(pairs, annotator="bob", pair_id=other),
        _simple(pairs, annotator="bob", pair_id="0" * 20),
        {"label": "a", "annotator": "bob"},
        _simple(pairs, annotator="bob", commet="x"),
        _simple(pairs, annotator="bob", given_at="yesterday"),
        _simple(pairs, annotator="bob", comment="half \ud800"),
        _simple(pairs, annotator="bob", response_a=5),
        [],
    ]
    path = _write(tmp_path / "v.jsonl", rows)
    with path.open("a") as stream:
        stream.write("{not json\n")
    with pytest.raises(UserError) as caught:
        exchange.read(path, pairs, NOW)
    assert caught.value.code == "votes.bad_rows"
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("v.jsonl: 14 row(s) cannot be used, so nothing was imported")
    expected = [
        (2, "label"), (3, "unknown_pair"), (4, "repeated_vote: ann voted on this pair in v.jsonl line 1"),
        (5, "annotator"), (6, "confidence"), (7, "contradiction"), (8, "unknown_pair"), (9, "no_pair"),
        (10, "commet"), (11, "given_at"), (12, "comment"), (13, "response_a"), (14, "JSON object"),
        (15, "not_json"),
    ]  # fmt: skip
    assert len(lines) == 1 + len(expected)
    for line, (number, words) in zip(lines[1:], expected, strict=True):
        assert f"v.jsonl line {number}: " in line
        assert words in line


def test_faults_of_a_csv(tmp_path):
    pairs = queue(["Why?"], ["one\ntwo", "two"])
    path = tmp_path / "v.csv"
    head = "pair_id,label,annotator,comment\r\n"
    good = f'{pairs["pair_id"][0]},a,ann,"a\nb"\r\n'
    path.write_bytes((head + good + "nope,a,ann,\r\n" + f"{pairs['pair_id'][0]},z,bob\r\n").encode())
    with pytest.raises(UserError) as caught:
        exchange.read(path, pairs, NOW)
    assert "v.csv line 4: unknown_pair" in str(caught.value)
    assert "v.csv line 5: wrong_cells" in str(caught.value)
    for content, code, words in (
        (b"label,annotator,commet\r\n", "votes.bad_header", "'commet' is unknown"),
        (b"label\r\n", "votes.bad_header", "'annotator' is missing"),
        (b"label,annotator,label\r\n", "votes.bad_header", "twice"),
        (b"", "votes.bad_header", "'label' is missing"),
        (head.encode() + b"\xff,a,b,\r\n", "votes.not_csv", "UTF-8"),
        (head.encode() + b'"x"y,a,b,\r\n', "votes.not_csv", "CSV"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=words) as caught:
            exchange.read(path, pairs, NOW)
        assert caught.value.code == code


def test_what_label_studio_itself_exports(tmp_path):
    pairs = queue(["Why?", "How?", "Who?"], ["one", "two", "three"])

    def result(kind, value):
        return {
            "id": "x",
            "from_name": "n",
            "to_name": "left",
            "type": kind,
            "value": value,
            "origin": "manual",
        }

    def annotation(who, *results, **more):
        return {"id": 1, "completed_by": who, "result": list(results), "created_at": "2030-01-01T00:00:00.5Z",
                "lead_time": 12.5, "was_cancelled": False} | more  # fmt: skip

    path = tmp_path / "v.json"
    exchange.write(pairs, batches.empty(), path, "label-studio")
    tasks = json.loads(path.read_text())
    tasks[0] |= {"id": 7, "predictions": [], "annotations": [
        annotation({"id": 3, "email": "ann@example.org"}, result("pairwise", {"selected": "right"}),
                   result("rating", {"rating": 2}), result("textarea", {"text": ["one", "two"]})),
        annotation(5, result("choices", {"choices": ["both_bad"]})),
    ]}  # fmt: skip
    tasks[1]["annotations"] = [annotation(5, was_cancelled=True)]
    path.write_text(json.dumps(tasks))
    found = exchange.read(path, pairs, NOW).sort_values(["annotator", "winner"])
    assert found[["annotator", "winner", "seconds"]].to_numpy().tolist() == [
        ["5", "abstain", 12.5], ["5", "both_bad", 12.5], ["ann@example.org", "b", 12.5],
    ]  # fmt: skip
    ann = found.iloc[2]
    assert (ann["confidence"], ann["rationale"], ann["fingerprint"]) == (2, "one\ntwo", ELSEWHERE)
    assert ann["given_at"] == "2030-01-01T00:00:00.500000+00:00"

    tasks[0]["annotations"] = [
        annotation(5, result("pairwise", {"selected": "up"})),
        annotation(5, result("pairwise", {"selected": "left"}), result("choices", {"choices": ["tie"]})),
        annotation(5, result("rating", {"rating": 10**30})), annotation(5, result("labels", {})),
    ]  # fmt: skip
    tasks[1] = {"data": {"prompt": "Why?"}, "annotations": []}
    tasks[2] = "text"
    path.write_text(json.dumps(tasks))
    with pytest.raises(UserError) as caught:
        exchange.read(path, pairs, NOW)
    message = str(caught.value)
    for words in ("task 1 annotation 1: wrong_vote: label", "task 1 annotation 2: contradiction",
                  "annotation 4: wrong_type", "task 2: wrong_type",
                  "task 3: wrong_type"):  # fmt: skip
        assert words in message
    for content in ("{}", "{", "\ufeff5"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match="JSON") as caught:
            exchange.read(path, pairs, NOW)
        assert caught.value.code == "votes.not_json"


def test_the_labeling_config_has_every_control_that_the_annotations_name(tmp_path):
    pairs = queue(HOSTILE)
    path = tmp_path / "out.json"
    exchange.write(pairs, votes(pairs), path, "label-studio")
    config = ElementTree.fromstring((tmp_path / "out.xml").read_text())
    assert (tmp_path / "out.xml").read_text() == label_studio.CONFIG
    tags = {element.get("name"): element for element in config.iter() if element.get("name")}
    tasks = json.loads(path.read_text())
    results = [r for task in tasks for said in task["annotations"] for r in said["result"]]
    assert {r["type"] for r in results} == {"pairwise", "choices", "rating", "textarea"}
    for found in results:
        control = tags[found["from_name"]]
        assert control.tag.lower() == found["type"]
        assert control.get("toName") == found["to_name"]
    shown = {
        element.get("value") for element in config.iter() if (element.get("value") or "").startswith("$")
    }
    assert shown == {f"${key}" for key in tasks[0]["data"] if key != "pair_id"}
    choices = {element.get("value") for element in config.iter("Choice")}
    assert choices == {"tie", "both_bad", "abstain"}


def test_files_that_are_refused(tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    (tmp_path / "x.xml").touch()
    for name, format_, code in (
        ("x.parquet", "parquet", "votes.unknown_format"),
        ("x.txt", "csv", "votes.wrong_suffix"),
        ("x.json", "label-studio", "votes.file_exists"),
    ):
        with pytest.raises(UserError) as caught:
            exchange.write(pairs, batches.empty(), tmp_path / name, format_)
        assert caught.value.code == code
    assert "x.xml already exists" in str(caught.value)
    assert not (tmp_path / "x.json").exists()
    for name, code in (("x.csv", "votes.no_file"), ("x.xlsx", "votes.wrong_suffix")):
        with pytest.raises(UserError) as caught:
            exchange.read(tmp_path / name, pairs, NOW)
        assert caught.value.code == code


def _studio(tmp_path, pairs, *annotations):
    """Label Studio's export of the first pair with these annotations."""
    path = tmp_path / "studio.json"
    (tmp_path / "studio.xml").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    exchange.write(pairs, batches.empty(), path, "label-studio")
    tasks = json.loads(path.read_text())
    whole = {"created_at": "2030-01-01T00:00:00Z", "lead_time": 12.5, "was_cancelled": False}
    tasks[0]["annotations"] = [whole | {"id": number} | given for number, given in enumerate(annotations)]
    path.write_text(json.dumps(tasks))
    return path


LEFT, RIGHT = ([{"type": "pairwise", "value": {"selected": side}}] for side in ("left", "right"))
EMPTY = {
    "no result": {"result": []},
    "a null for results": {"result": None},
    "nothing selected": {"result": [{"type": "pairwise", "value": {"selected": None}}]},
    "no choice": {"result": [{"type": "choices", "value": {"choices": []}}]},
    "a comment alone": {"result": [{"type": "textarea", "value": {"text": ["hm"]}}]},
    "no owner": {"result": LEFT, "completed_by": None},
    "an owner without a name": {"result": LEFT, "completed_by": {"email": None, "id": None}},
    "skipped by nobody": {"result": [], "was_cancelled": True, "completed_by": None},
}


@pytest.mark.parametrize("kind", EMPTY)
def test_an_annotation_without_a_label_or_an_owner_blocks_nothing_and_is_named(kind, tmp_path):
    pairs = queue(["Why?", "How?"], ["one", "two"])
    notes = []
    path = _studio(tmp_path, pairs, {"completed_by": 1} | EMPTY[kind], {"completed_by": 2, "result": RIGHT})
    found = exchange.read(path, pairs, NOW, notes.append)
    assert found[["annotator", "winner"]].to_numpy().tolist() == [["2", "b"]]
    assert len(notes) == 1 and "studio.json task 1 annotation 1" in notes[0] and "left out" in notes[0]


def test_of_a_person_s_annotations_of_a_pair_the_last_one_counts(tmp_path):
    pairs = queue(["Why?", "How?"], ["one", "two"])
    notes = []
    twice = [{"id": 9, "result": LEFT, "completed_by": 1, "created_at": "2026-01-01T00:00:00Z"},
             {"id": 3, "result": RIGHT, "completed_by": 1, "created_at": "2031-01-01T00:00:00Z"}]  # fmt: skip
    found = exchange.read(_studio(tmp_path, pairs, *twice), pairs, NOW, notes.append)
    assert found["winner"].tolist() == ["a"], "Label Studio numbers annotations; its clock may be wrong"
    assert len(notes) == 1 and "annotation 3" not in notes[0] and "later" in notes[0]


def test_a_row_that_repeats_another_is_left_out_and_one_that_contradicts_it_is_not(tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    notes = []
    found = exchange.read(
        _write(tmp_path / "v.jsonl", [_simple(pairs), _simple(pairs)]), pairs, NOW, notes.append
    )
    assert len(found) == 1 and "v.jsonl line 2" in notes[0]
    with pytest.raises(UserError, match="repeated_vote"):
        exchange.read(_write(tmp_path / "v.jsonl", [_simple(pairs), _simple(pairs, label="b")]), pairs, NOW)


@pytest.mark.parametrize("content", [
    [{"id": 1, "pair_id": "p", "prompt": "Why?", "left": "a", "right": "b", "better": "left", "annotator": 1}],
    [{"id": 1, "better": {"selected": "left"}}, {"id": 2}],
])  # fmt: skip
def test_label_studio_s_short_export_is_told_from_the_whole_one(content, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"JSON_MIN.*choose the export format JSON") as caught:
        exchange.read(path, queue(["Why?"], ["one", "two"]), NOW)
    assert caught.value.code == "votes.json_min"


HUGE = 10**30


@pytest.mark.parametrize("field", ["occasion", "confidence", "seconds", "label", "annotator", "comment", "given_at",
                                   "fingerprint", "pair_id", "response_a", "prompt"])  # fmt: skip
@pytest.mark.parametrize("number", [HUGE, -HUGE, 10**400, 2**63])
def test_a_number_of_thirty_digits_is_no_traceback(field, number, tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    path = _write(tmp_path / "v.jsonl", [_simple(pairs) | {field: number}])
    try:
        found = exchange.read(path, pairs, NOW)
    except UserError as error:
        assert "v.jsonl line 1" in str(error)
    else:
        conform(found, schemas.LEDGER, "votes")
    if field in ("pair_id", "response_a", "prompt"):
        return
    cells = {"pair_id": pairs["pair_id"][0], "label": "a", "annotator": "ann"} | {field: str(number)}
    path = tmp_path / "v.csv"
    path.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    with contextlib.suppress(UserError):
        conform(exchange.read(path, pairs, NOW), schemas.LEDGER, "votes")


def test_numbers_of_thirty_digits_in_label_studio_s_export_are_no_traceback(tmp_path):
    pairs = queue(["Why?", "How?"], ["one", "two"])
    rating = [*LEFT, {"type": "rating", "value": {"rating": HUGE}}]
    meta = [LEFT[0] | {"meta": {"occasion": HUGE}}]
    for wrong in ({"result": rating}, {"result": meta}, {"result": LEFT, "lead_time": 10**400}):
        with pytest.raises(UserError, match="task 1 annotation 1"):
            exchange.read(_studio(tmp_path, pairs, {"completed_by": 1} | wrong), pairs, NOW)
    sound = {"result": LEFT, "completed_by": HUGE, "id": HUGE, "lead_time": HUGE}
    found = exchange.read(_studio(tmp_path, pairs, sound), pairs, NOW)
    assert found["annotator"].tolist() == [str(HUGE)]
    conform(found, schemas.LEDGER, "votes")


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"])
def test_a_time_before_any_judge_is_refused_with_its_row(moment, tmp_path):
    pairs = queue(["Why?"], ["one", "two"])
    with pytest.raises(UserError, match=r"v\.jsonl line 1: wrong_vote: given_at"):
        exchange.read(_write(tmp_path / "v.jsonl", [_simple(pairs, given_at=moment)]), pairs, NOW)
