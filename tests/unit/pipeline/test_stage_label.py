"""validate and label: what passes the gate is labeled once, and labels become preferences."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import label_rows, refused, vote, world

from realign.errors import LabelsMissing, ValidationFailed
from realign.labelers import oracle, self_judge
from realign.labelers.base import Labels
from realign.quality import gate
from realign.store import ids
from realign.store import ledger_batches as batches
from realign.store.labels import NO_LABEL, OVER_BUDGET, Label

LIMITS = under(
    "validate",
    min_rows=2,
    max_length_ratio=3.0,
    near_duplicate=1.0,
    max_share_dropped=0.9,
    max_share_truncated=1.0,
    max_share_refusals=1.0,
    max_length_confound=1.0,
)


@pytest.fixture
def real_gate(monkeypatch):
    """The gate itself, without Data Docs."""
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)


@pytest.fixture
def open_gate(monkeypatch):
    """Lets everything through: the gates have tests of their own."""
    monkeypatch.setattr(gate, "check", lambda *_: gate.GateResult({}, {"gate": "open"}))


def picked(tables, audit=("hard", "random")):
    return run_stage("select", tables, Path("none"), {"strategy": "easy", "audit": list(audit)}).pairs


def validated(tables, pairs, folder):
    return run_stage("validate", tables, folder, LIMITS, pairs=pairs)


def labeled(tables, pairs, folder, **settings):
    is_train = pairs["purpose"] == "train"
    return run_stage(
        "label", tables, folder, LIMITS | under("label", **settings),
        validated_train=pairs[is_train], validated_measure=pairs[~is_train], people=folder / "votes",
    )  # fmt: skip


def test_good_pairs_are_parted_by_purpose_and_bad_ones_set_aside(tmp_path, real_gate):
    tables = world()
    pairs = picked(tables)
    bad = pairs.index[pairs["purpose"] == "train"][0]
    pairs.loc[bad, "log_length_ratio"] = np.log(3.5)
    found = validated(tables, pairs, tmp_path / ".work")
    assert set(found.validated_train["purpose"]) == {"train"}
    assert set(found.validated_measure["purpose"]) == {"audit", "holdout"}
    assert len(found.validated_train) == 7
    assert len(found.validated_measure) == len(pairs) - 8
    (aside,) = found.quarantine_validate.to_dict("records")
    assert aside["reason"] == "length_ratio"
    assert aside["id"] == f"train easy {pairs.loc[bad, 'pair_id']}"
    assert found.gate_pairs["success"]


def test_a_leak_stops_the_stage(tmp_path, real_gate):
    tables = world()
    pairs = picked(tables)
    tables.prompts["group"] = "same"
    with refused("gate.pairs", ValidationFailed, match=r"the pairs gate refused(?s:.*)leak: .*12 of 12 rows"):
        validated(tables, pairs, tmp_path / ".work")
    assert (tmp_path / "reports" / "failures" / "pairs.json").is_file()


def test_labels_become_preferences(tmp_path, real_gate):
    tables = world()
    pairs = picked(tables)
    found = labeled(tables, pairs, tmp_path, temperature=1e-6)  # an annotator who never errs
    assert len(found.labels) == len(pairs)
    assert (found.labels["winner"] == found.labels["gold"]).all()
    place = tables.responses.set_index("response_id")["k"]  # the earlier, the closer to the right answer
    assert len(found.preferences) == 8
    texts = tables.responses.set_index("response_id")["text"]
    tokens = tables.responses.set_index("response_id")["tokens"]
    for row in found.preferences.itertuples():
        assert place[row.chosen_id] < place[row.rejected_id]
        assert (row.chosen, row.rejected) == (texts[row.chosen_id], texts[row.rejected_id])
        assert (row.chosen_tokens, row.rejected_tokens) == (tokens[row.chosen_id], tokens[row.rejected_id])
        assert row.pair_id == ids.pair_id(row.prompt_id, row.chosen_id, row.rejected_id)
        assert row.p_chosen > 0.999
    assert found.preferences["prompt_id"].isin(tables.prompts.query("split == 'train'")["prompt_id"]).all()
    lengths = found.plot_lengths
    assert lengths.groupby(["strategy", "side"])["responses"].sum().to_dict() == {
        (name, side): 8 for name in ("easy", "hard", "random") for side in ("chosen", "rejected")
    }
    total = lengths.assign(total=lengths["low"] * lengths["responses"]).groupby("side")["total"].sum()
    assert total["chosen"] < total["rejected"]  # in this world the better answer is the shorter


def test_a_pair_that_two_strategies_picked_is_labeled_once(tmp_path, monkeypatch, open_gate):
    tables = world(k=2)  # one pair a prompt, so all strategies pick it
    asked = []

    def watched(request):
        asked.extend(request.pairs["pair_id"])
        return oracle.label(request)

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=watched))
    found = labeled(tables, picked(tables), tmp_path, temperature=5.0).labels
    assert len(asked) == len(set(asked)) == 12
    assert len(found) == 8 * 3 + 4
    assert (found.groupby("pair_id")[["winner", "p_a"]].nunique() == 1).all().all()
    alone = labeled(tables, picked(tables, audit=()), tmp_path / "alone", temperature=5.0).labels
    merged = alone.merge(found[found["strategy"] == "hard"], on="pair_id")
    assert len(merged) == 8
    assert (merged["winner_x"] == merged["winner_y"]).all()


def test_ties_stay_labels_and_leave_the_preferences(tmp_path, open_gate):
    tables = world()
    train = tables.prompts.loc[tables.prompts["split"] == "train", "prompt_id"]
    level = tables.scores["prompt_id"].isin(train[:3])
    tables.scores.loc[level, "score"] = 0.5
    found = labeled(tables, picked(tables), tmp_path, labeler="scores")
    of_train = found.labels[found.labels["purpose"] == "train"]
    assert (of_train["winner"] == "tie").sum() == 3
    assert len(found.preferences) == 5
    assert found.quarantine_label[["unit", "reason"]].value_counts().to_dict() == {("label", "tie"): 3}
    assert found.tally_label.as_json()["label"] == {"in": 8, "out": 5, "quarantined": {"tie": 3}}


def test_pairs_without_a_score_are_set_aside(tmp_path, open_gate):
    tables = world()
    pairs = picked(tables)
    silent = pairs.loc[pairs["purpose"] == "train", "response_a"].iloc[0]
    tables.scores = tables.scores[tables.scores["response_id"] != silent]
    found = labeled(tables, pairs, tmp_path, labeler="scores")
    hit = pairs[(pairs["response_a"] == silent) | (pairs["response_b"] == silent)]
    assert len(found.labels) == len(pairs) - len(hit)
    assert set(found.quarantine_label["reason"]) == {"no_label"}
    assert sorted(found.quarantine_label["id"]) == sorted(
        hit["purpose"] + " " + hit["strategy"] + " " + hit["pair_id"]
    )


def test_gold_is_the_rule_else_the_second_annotator_else_unknown(tmp_path, open_gate):
    tables = world()
    pairs = picked(tables, audit=())
    by_rule = labeled(tables, pairs, tmp_path / "a", labeler="scores").labels
    assert set(by_rule["gold"]) == {"a", "b"}
    assert (by_rule["gold_gap"] > 0).all()
    tables.prompts["rule"] = None
    unknown = labeled(tables, pairs, tmp_path / "b", labeler="scores").labels
    assert unknown["gold"].isna().all()
    assert unknown["gold_gap"].isna().all()
    second = tables.scores.assign(annotator="second", score=-tables.scores["score"])
    tables.scores = pd.concat([tables.scores, second])
    checked = labeled(tables, pairs, tmp_path / "c", labeler="scores", gold_annotator="second").labels
    assert (checked["gold"] != checked["winner"]).all()
    assert (checked["gold_gap"] > 0).all()


def test_too_few_decided_pairs_stop_the_stage(tmp_path, real_gate):
    tables = world()
    tables.scores["score"] = 1.0
    with refused(
        "gate.preferences", ValidationFailed, match=r"the preferences gate refused(?s:.*)too_few: .*found 0"
    ):
        labeled(tables, picked(tables), tmp_path / ".work", labeler="scores")


def outspoken(monkeypatch, words, facts=None):
    """A labeler that says these words, in turn, whatever it is asked."""

    def judged(request):
        winner = np.array([words[n % len(words)] for n in range(len(request.pairs))], dtype=object)
        p_a = np.array([{"a": 0.9, "b": 0.1}.get(word, 0.5) for word in winner])
        return Labels(winner, p_a, "a judge", None, facts or {})

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=judged))


def test_each_outcome_finds_its_place(tmp_path, open_gate, monkeypatch):
    tables = world()
    pairs = picked(tables, audit=())
    outspoken(monkeypatch, ["a", "tie", "both_bad", Label.ABSTAIN.value, NO_LABEL], {"judge": {"calls": 7}})
    found = labeled(tables, pairs, tmp_path)
    reasons = found.quarantine_label.groupby(["unit", "reason"]).size()
    assert set(reasons.index) == {
        ("pair", "abstain"), ("pair", "no_label"), ("label", "tie"), ("label", "both_bad")
    }  # fmt: skip
    assert set(found.labels["winner"]) == {"a", "tie", "both_bad"}
    assert (found.preferences["p_chosen"] == 0.9).all()
    assert found.labeling["judge"] == {"calls": 7}
    assert found.labeling["by"] == {"a judge": len(found.labels)}
    assert sum(found.labeling["outcomes"].values()) == len(found.labels)


@pytest.mark.parametrize(
    ("unsure", "trained"),
    [(0.0, {0.9, 0.55, 0.4}), (0.05, {0.9, 0.4}), (0.1, {0.9}), (None, {0.9, 0.55, 0.5, 0.4})],
)
def test_pairs_that_the_labeler_calls_even_are_not_trained_on(
    tmp_path, open_gate, monkeypatch, unsure, trained
):
    def judged(request):
        p = np.resize([0.9, 0.55, 0.5, 0.4], len(request.pairs))
        return Labels(np.full(len(p), "a", dtype=object), p, "a judge", None, {})

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=judged))
    tables = world()
    found = labeled(tables, picked(tables, audit=()), tmp_path, unsure=unsure)
    assert set(found.preferences["p_chosen"]) == trained
    assert set(found.labels["p_a"]) == {0.9, 0.55, 0.5, 0.4}
    aside = found.quarantine_label
    assert set(aside["reason"]) == ({"unsure"} if len(trained) < 4 else set())
    assert len(aside) == int((found.labels["purpose"] == "train").sum()) - len(found.preferences)


def test_at_the_cap_the_run_stops_and_says_what_is_missing(tmp_path, open_gate, monkeypatch):
    tables = world()
    pairs = picked(tables, audit=())
    outspoken(monkeypatch, ["a", OVER_BUDGET])
    budget = {"calls": 8, "money": None, "then": "stop"}
    with pytest.raises(LabelsMissing, match=r"label\.budget\.calls = 8 is reached: \d+ of 12 .*then=train"):
        labeled(tables, pairs, tmp_path, budget=budget)
    found = labeled(tables, pairs, tmp_path, budget=budget | {"then": "train"})
    assert set(found.quarantine_label["reason"]) == {OVER_BUDGET}
    assert len(found.labels) == 6


def test_people_are_asked_and_then_believed(tmp_path, open_gate):
    tables = world()
    pairs = picked(tables, audit=())
    with pytest.raises(LabelsMissing, match="12 votes are missing on 12 of 12 pairs"):
        labeled(tables, pairs, tmp_path, labeler="human")
    votes = label_rows(*(vote(pair, "ann", "b") for pair in pairs["pair_id"]))
    batches.write(votes, tmp_path / "votes")
    found = labeled(tables, pairs, tmp_path, labeler="human")
    assert set(found.labels["winner"]) == {"b"}
    assert found.labeling["people"] == {
        "votes": 12, "annotators": 1, "consensus": "majority", "alpha": None
    }  # fmt: skip


@pytest.mark.parametrize("labeler", ["human", "cascade"])
def test_people_are_not_asked_about_pairs_that_only_measure_a_strategy(
    labeler, tmp_path, open_gate, monkeypatch
):
    monkeypatch.setattr(self_judge, "LABELER", replace(oracle.LABELER, label=undecided))
    tables = world()
    pairs = picked(tables)
    people = {"min_votes": 1, "min_share": 1.0, "consensus": "majority"}
    with refused(
        "label.votes_missing",
        LabelsMissing,
        match=r"12 votes .* 12 of 12 pairs \(4 holdout random, 8 train easy;",
    ):
        labeled(tables, pairs, tmp_path, labeler=labeler, people=people | {"audit": False})
    every = pairs["pair_id"].nunique()
    with refused(
        "label.votes_missing",
        LabelsMissing,
        match=rf"{every} votes .*8 audit hard, 8 audit random, 4 holdout",
    ):
        labeled(tables, pairs, tmp_path, labeler=labeler, people=people | {"audit": True})

    batches.write(label_rows(*(vote(pair, "ann") for pair in set(pairs["pair_id"]))), tmp_path / "votes")
    found = labeled(tables, pairs, tmp_path, labeler=labeler, people=people | {"audit": False})
    assert set(found.labels["purpose"]) == {"train", "holdout"}
    aside = found.quarantine_label
    assert set(aside["reason"]) == {"audit_not_asked"} and len(aside) == 16
    assert "label.people.audit" in aside["detail"].iloc[0]
    assert found.tally_label.as_json()["pair"]["in"] == len(pairs)
    whole = labeled(tables, pairs, tmp_path, labeler=labeler, people=people | {"audit": True})
    assert len(whole.labels) == len(pairs)


def undecided(request):
    """A labeler that leaves every pair to people."""
    count = len(request.pairs)
    return Labels(np.full(count, "tie", dtype=object), np.full(count, 0.5), "undecided")
