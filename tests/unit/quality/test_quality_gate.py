"""The gates: bad rows are named and set aside, a bad table is refused with figure, rows and mend."""

import json

import numpy as np
import pandas as pd
import pytest
from unit_builders import refused, section

from realign.errors import ValidationFailed
from realign.quality import gate, suites
from realign.store.work import Work

LIMITS = section(
    "validate",
    min_rows=3,
    max_length_ratio=4.0,
    near_duplicate=0.9,
    max_share_dropped=0.5,
    max_share_truncated=0.25,
    max_share_refusals=0.25,
    max_length_confound=0.8,
)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A corner without Data Docs, which take longer than all checks; one test has them."""
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)
    return Work(tmp_path / ".work", "test")


def changed(frame, changes):
    for at, (column, value) in changes.items():
        frame.loc[at, column] = value
    return frame


def responses(count=20):
    return pd.DataFrame(
        {"response_id": [f"r{i}" for i in range(count)], "text": [f"answer {i}" for i in range(count)],
         "tokens": 2, "truncated": 0.0, "refusal": 0.0}
    )  # fmt: skip


def pairs(count=20):
    return pd.DataFrame(
        {"row_id": [f"train easy p{i}" for i in range(count)], "purpose": "train",
         "pair_id": [f"traineasyp{i}" for i in range(count)], "text_a": "one", "text_b": "other",
         "similarity": 0.5, "length_ratio": 1.5, "overlap": 0.1, "known": 1, "leaks": 0}
    )  # fmt: skip


def preferences(count=20):
    return pd.DataFrame(
        {"pair_id": [f"p{i}" for i in range(count)], "chosen": "one", "rejected": "other", "p_chosen": 0.7,
         "validated": 1, "held_out": 0, "longer_wins": [0.0, 1.0] * (count // 2)}
    )  # fmt: skip


def check(frame, suite, work, binding=None):
    rows = pd.Series(True, index=frame.index) if binding is None else binding
    return gate.check(frame, suite, rows, work)


def refusal(*arguments):
    """The lines of the refusal, by the reason that they begin with."""
    with pytest.raises(ValidationFailed) as caught:
        check(*arguments)
    assert caught.value.code == f"gate.{arguments[1].name}"
    head, *lines = str(caught.value).splitlines()
    return head, dict(line.removeprefix("  - ").split(": ", 1) for line in lines)


def test_bad_responses_are_set_aside_each_with_its_reason(work):
    frame = changed(responses(), {3: ("text", " \n"), 5: ("text", ""), 7: ("tokens", 0)})
    frame.loc[3, "tokens"] = 0
    frame["truncated"] = 0.1 + np.arange(20) * 1e-12  # figures must not depend on the machine's last bits
    result = check(frame, suites.responses(LIMITS, len(frame)), work)
    assert result.failed == {"r3": "blank", "r5": "blank", "r7": "no_tokens"}
    assert result.summary["success"]
    assert result.summary["rows"] == 20
    lines = result.summary["expectations"]
    assert {e["reason"]: e["failing_rows"] for e in lines if e["level"] == "rows"} == {
        "blank": 2,
        "no_tokens": 2,
    }
    assert {e["reason"]: e["observed"] for e in lines if e["level"] == "whole"} == {"repeated_id": None}
    assert {e["reason"]: e["observed"] for e in lines if e["level"] == "rest"} == {
        "too_few": 17,
        "truncated": 0.1,
        "refusals": 0.0,
    }
    assert not work.failures().exists() or not list(work.failures().iterdir())


def test_bad_pairs_are_set_aside_each_with_its_reason(work):
    planted = {
        0: ("text_a", "  "),
        1: ("text_b", ""),
        2: ("text_b", "one"),
        3: ("similarity", np.nan),
        4: ("similarity", 1.01),
        5: ("overlap", 0.9),
        6: ("length_ratio", 4.01),
    }
    frame = changed(
        pairs(), planted | {7: ("length_ratio", 4.0), 8: ("overlap", 0.899), 9: ("similarity", -1.0)}
    )
    result = check(frame, suites.pairs(LIMITS, len(frame)), work)
    assert result.failed == {
        "train easy p0": "blank",
        "train easy p1": "blank",
        "train easy p2": "same_text",
        "train easy p3": "no_similarity",
        "train easy p4": "similarity_range",
        "train easy p5": "near_duplicate",
        "train easy p6": "length_ratio",
    }


def test_every_check_of_the_responses_table_fires(work):
    frame = responses(8)
    frame.loc[:2, "truncated"] = 1.0
    frame.loc[4:6, "refusal"] = 1.0
    frame.loc[7, "response_id"] = "r6"
    head, lines = refusal(frame, suites.responses(LIMITS, 17), work)
    assert head == "the responses gate refused the table (report: reports/failures/responses.json):"
    assert list(lines) == ["repeated_id", "too_few", "truncated", "refusals"]
    assert "min_value=9): found 8. Look at the quarantine of generate" in lines["too_few"]
    assert "2 of 8 rows; first rows: r6, r6. An id occurs twice" in lines["repeated_id"]
    assert "max_value=0.25): found 0.375. Raise generate.max_new_tokens" in lines["truncated"]
    assert "found 0.375." in lines["refusals"]
    assert "validate.max_share_refusals" in lines["refusals"]


def test_every_check_of_the_pairs_table_fires(work):
    frame = pairs(8)
    frame.loc[1, "pair_id"] = frame.loc[0, "pair_id"]
    frame.loc[2:4, "known"] = 0
    frame.loc[3, "leaks"] = 1
    frame.loc[7, "text_a"] = " "
    _, lines = refusal(frame, suites.pairs(LIMITS, 16), work)
    assert list(lines) == ["repeated_pair", "unknown_response", "leak", "too_few", "set aside before"]
    assert "min_value=8): found 7. Look at the quarantine of validate" in lines["too_few"]
    assert (
        "2 of 8 rows; first rows: train easy p0, train easy p1. A pair occurs twice" in lines["repeated_pair"]
    )
    assert (
        "3 of 8 rows; first rows: train easy p2, train easy p3, train easy p4." in lines["unknown_response"]
    )
    assert "run select again" in lines["unknown_response"]
    assert "1 of 8 rows; first rows: train easy p3. These prompts begin like" in lines["leak"]
    assert lines["set aside before"] == "1 blank"
    report = json.loads((work.failures() / "pairs.json").read_text())
    assert report["success"] is False
    assert report["failed_rows"] == {"train easy p7": "blank"}


def test_every_check_of_the_preferences_table_fires(work):
    frame = preferences(10)
    frame["longer_wins"] = 1.0
    changed(frame, {0: ("pair_id", "p1"), 2: ("chosen", "other"), 3: ("rejected", " "), 4: ("chosen", "\n")})
    changed(frame, {5: ("p_chosen", 1.2), 6: ("validated", 0), 7: ("held_out", 1)})
    strict = LIMITS.model_copy(update={"min_rows": 11})
    with refused("gate.preferences", ValidationFailed) as caught:
        check(frame, suites.preferences(strict), work)
    expected = {
        "too_few": "min_value=11): found 10. Too many ties or dropped pairs",
        "length_confound": "max_value=0.8): found 1.0. The longer response nearly always wins",
        "repeated_pair": "first rows: p1, p1. A pair occurs twice: run label again",
        "same_text": "first rows: p2. Chosen and rejected are the same text",
        "probability": "first rows: p5. These probabilities are not between 0 and 1",
        "not_validated": "first rows: p6. These pairs never passed the pairs gate",
        "leak": "first rows: p7. These preferences belong to held-out prompts",
    }
    lines = [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]
    assert [line.split(":")[0] for line in lines] == [
        *list(expected)[:4],
        "blank",
        "blank",
        *list(expected)[4:],
    ]
    for line in lines:
        reason, said = line.split(": ", 1)
        assert expected.get(reason, "text is blank: run validate and label again") in said
    assert "first rows: p3. A rejected text" in lines[4]
    assert "first rows: p4. A chosen text" in lines[5]


def test_at_trainings_door_only_what_holds_under_any_threshold_is_checked(work):
    frame = preferences(2).assign(longer_wins=1.0)
    assert check(frame, suites.preferences(None), work).summary["success"]
    with refused("gate.preferences", ValidationFailed, match="not_validated"):
        check(frame.assign(validated=0), suites.preferences(None), work)


def test_audit_rows_cannot_stop_a_run_but_bad_ones_are_set_aside(work):
    frame = pairs(12)
    frame.loc[6:, "purpose"] = "audit"
    frame.loc[6:, ["known", "leaks"]] = [0, 1]
    frame.loc[11, "text_b"] = "one"
    binding = frame["purpose"] != "audit"
    result = check(frame, suites.pairs(LIMITS, 6), work, binding)
    assert result.summary["success"]
    assert result.failed == {"train easy p11": "same_text"}
    frame.loc[:5, "leaks"] = 1
    _, lines = refusal(frame, suites.pairs(LIMITS, 14), work, binding)
    assert list(lines) == ["leak", "too_few", "set aside before"]
    assert "found 6." in lines["too_few"]
    shown = ", ".join(f"train easy p{i}" for i in range(5))
    assert f"6 of 6 rows; first rows: {shown}. These" in lines["leak"]


def test_a_table_of_which_nothing_is_left_is_refused_and_not_a_bug(work):
    _, lines = refusal(responses(5).assign(text=" "), suites.responses(LIMITS, 5), work)
    assert "found 0" in lines["too_few"]
    assert lines["set aside before"] == "5 blank"


def test_two_runs_say_the_same_bytes_and_only_a_refusal_leaves_a_report(tmp_path, work, monkeypatch):
    def said(folder, frame):
        suite = suites.responses(LIMITS, 20)
        return json.dumps(check(frame, suite, Work(folder / ".work", "test")).summary)

    good = changed(responses(), {4: ("text", "")})
    assert said(tmp_path / "a", good) == said(tmp_path / "b", good)
    report = tmp_path / "a" / "reports" / "failures" / "responses.json"
    assert not report.exists()
    monkeypatch.undo()  # from here with Data Docs
    with refused("gate.responses", ValidationFailed):
        said(tmp_path / "a", good.assign(refusal=1.0))
    assert report.is_file()
    assert "responses" in (tmp_path / "a" / "reports" / "data_docs" / "index.html").read_text()
