"""Known pairs: in our own order, whatever the file's; all faults at once."""

import json

import pytest

from realign.data import known_pairs
from realign.errors import UserError
from realign.store import ids


def _write(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def _row(prompt="Why?", a="one", b="two", label="a", **more):
    return {"prompt": prompt, "response_a": a, "response_b": b, "label": label} | more


@pytest.mark.parametrize("number", range(8))
def test_answers_are_turned_to_our_shown_order(number, tmp_path):
    better, worse = f"good {number}", "bad"
    one = known_pairs.read(_write(tmp_path / "k.jsonl", _row(a=better, b=worse, label="a")))
    two = known_pairs.read(
        _write(tmp_path / "k.jsonl", _row(a=f" {worse}\n", b=better, label="b", source="test"))
    )
    assert one.equals(two)
    row = one.iloc[0]
    prompt = ids.prompt_id([{"role": "user", "content": "Why?"}])
    assert row["prompt_id"] == prompt
    assert row[f"text_{row['answer']}"] == better
    texts = {side: ids.response_id(prompt, row[f"text_{side}"]) for side in "ab"}
    assert (row["response_a"], row["response_b"]) == (texts["a"], texts["b"])
    assert ids.shown_order(prompt, texts["b"], texts["a"]) == (texts["a"], texts["b"])
    assert row["pair_id"] == ids.pair_id(prompt, texts["b"], texts["a"])


def test_both_orders_occur_and_pairs_are_sorted(tmp_path):
    rows = [_row(a=f"good {n}", b=f"bad {n}", label="tie" if n == 3 else "a") for n in range(30)]
    found = known_pairs.read(_write(tmp_path / "k.jsonl", *rows))
    assert list(found.columns) == list(known_pairs.COLUMNS)
    assert found["pair_id"].is_monotonic_increasing
    assert found["answer"].value_counts()["tie"] == 1
    assert found["answer"].nunique() == 3


def test_conversations_are_kept_and_empty_has_the_same_columns(tmp_path):
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    found = known_pairs.read(_write(tmp_path / "k.jsonl", _row(prompt=turns)))
    assert ids.load_messages(found["messages"][0]) == turns
    assert found["prompt_id"][0] == ids.prompt_id(turns)
    assert known_pairs.empty().dtypes.equals(found.dtypes)


def test_all_faults_are_listed_with_their_lines(tmp_path):
    path = _write(
        tmp_path / "k.jsonl",
        _row(),
        _row(label="both_bad"),
        _row(a="two ", label="b"),
        _row(b=" "),
        _row(a=None),
        _row(prompt=[]),
        _row(a="two", b="one", label="b"),
        _row(label="b"),
        _row(prompt="half \ud800"),
        _row(label=["a"]),
        "[]",
        "{",
    )
    with pytest.raises(UserError) as caught:
        known_pairs.read(path)
    lines = str(caught.value).splitlines()
    assert caught.value.code == "known_pairs.bad_lines"
    assert "11 line(s) cannot be used" in lines[0]
    wanted = ["wrong_label", "same_text", "blank", "response_a", "prompt", "duplicate_pair", "with another label",
              "not_unicode", "wrong_label", "wrong_type", "not_json"]  # fmt: skip
    for number, (line, words) in enumerate(zip(lines[1:], wanted, strict=True), start=2):
        assert f"k.jsonl line {number}: " in line
        assert words in line
    assert "another label" not in lines[6]
    for path, code in (
        (tmp_path / "absent.jsonl", "known_pairs.no_file"),
        (_write(tmp_path / "none.jsonl"), "raw.empty"),
    ):
        with pytest.raises(UserError) as error:
            known_pairs.read(path)
        assert error.value.code == code
