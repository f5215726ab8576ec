"""people and cascade: who is asked about what, when the run stops, whose word holds."""

import numpy as np
import pandas as pd
import pytest
from unit_builders import label_row, label_rows, request, turns, vote

from realign.errors import LabelsMissing
from realign.labelers import self_judge
from realign.labelers.base import Labeler, Labels
from realign.labelers.cascade import label as cascade
from realign.labelers.human.labeler import label as human
from realign.store import artifacts, ids, schemas
from realign.store.labels import NO_LABEL, OVER_BUDGET, Label
from realign.store.ledger import Ledger


def pairs(count=4):
    rows = []
    for number in range(count):
        prompt = ids.digest("prompt", str(number))
        rows.append((f"pair{number}", prompt, turns(f"Say {number}."), None, f"a{number}", f"b{number}",
                     f"Well, {number}.", f"Why {number}?"))  # fmt: skip
    names = ["pair_id", "prompt_id", "messages", "rule", "response_a", "response_b", "text_a", "text_b"]
    return pd.DataFrame(rows, columns=names)


def people(**changes):
    return {"min_votes": 1, "min_share": 1.0, "gold_share": 0.0, "repeat_share": 0.0,
            "consensus": "majority", "audit": False} | changes  # fmt: skip


def ask(folder, *votes, count=4, known=None, **settings):
    parts = {"label": {"labeler": "human", "people": people(**settings)}, "votes": label_rows(*votes)}
    return request(pairs(count), folder, **(parts | ({} if known is None else {"known": known})))


def published(folder):
    queue = artifacts.read_table(folder / "data" / "labels" / "local" / "queue.parquet", schemas.QUEUE)
    return queue.set_index("pair_id")


def test_missing_votes_stop_the_run_and_put_the_pairs_on_the_page(tmp_path):
    with pytest.raises(LabelsMissing, match=r"5 votes are missing on 3 of 4 pairs.*realign label"):
        human(ask(tmp_path, vote("pair0", "ann"), vote("pair0", "ben"), vote("pair1", "ann"), min_votes=2))
    assert sorted(published(tmp_path).index) == ["pair0", "pair1", "pair2", "pair3"]


def test_votes_become_verdicts(tmp_path):
    votes = [vote("pair0", "ann", "a"), vote("pair1", "ann", "b"), vote("pair2", "ann", "tie"),
             vote("pair3", "ann", "both_bad")]  # fmt: skip
    found = human(ask(tmp_path, *votes))
    assert found.winner.tolist() == ["a", "b", "tie", "both_bad"]
    assert found.p_a.tolist() == [1.0, 0.0, 0.5, 0.5]


def test_votes_split_in_two_are_a_tie(tmp_path):
    votes = [vote(f"pair{n}", who, side) for n in range(4) for who, side in (("ann", "a"), ("ben", "b"))]
    found = human(ask(tmp_path, *votes, min_votes=2))
    assert found.winner.tolist() == ["tie"] * 4
    assert found.p_a.tolist() == [0.5] * 4


def test_repeats_and_abstentions_are_no_votes(tmp_path):
    votes = [vote("pair0", "ann"), vote("pair0", "ann", occasion=1), vote("pair0", "ben", "abstain")]
    with pytest.raises(LabelsMissing, match="7 votes are missing on 4 of 4"):
        human(ask(tmp_path, *votes, min_votes=2))


def test_a_share_may_be_enough(tmp_path):
    votes = [vote(f"pair{n}", "ann") for n in range(3)]
    with pytest.raises(LabelsMissing):
        human(ask(tmp_path, *votes))
    found = human(ask(tmp_path, *votes, min_share=0.75))
    assert found.winner.tolist() == ["a", "a", "a", NO_LABEL]


def test_pairs_that_judges_doubt_are_worth_most(tmp_path):
    ledger = Ledger(tmp_path / "data" / "labels" / "local" / "ledger.sqlite")
    ledger.put(label_rows(label_row("pair1", "tie", consistent=False), label_row("pair2", "a", p_a=0.95),
                        label_row("pair3", "a", p_a=0.9),
                        label_row("pair3", "b", p_a=0.1, fingerprint="other judge")))  # fmt: skip
    ledger.close()
    with pytest.raises(LabelsMissing):
        human(ask(tmp_path))
    worth = published(tmp_path)["value"]
    assert worth.sort_values(ascending=False).index.tolist() == ["pair3", "pair1", "pair2", "pair0"]


def test_known_pairs_hide_among_the_others(tmp_path):
    hidden = pairs(6).tail(2).assign(answer=["a", "tie"])
    with pytest.raises(LabelsMissing, match="4 votes are missing on 4 of 4"):
        human(ask(tmp_path, known=hidden, gold_share=0.2))
    queue = published(tmp_path)
    assert queue["known"].dropna().to_dict() == {"pair4": "a", "pair5": "tie"}


@pytest.fixture
def judge(monkeypatch):
    """A judge that is sure of most, unsure of two, inconsistent once, silent once and over budget once."""
    words = np.array(["a", "b", "a", "tie", Label.ABSTAIN.value, OVER_BUDGET, *["a"] * 14], dtype=object)
    p_a = np.array([0.55, 0.1, 0.9, 0.5, 0.5, 0.5, *[0.95] * 14])
    orders = np.array([[w if w in ("a", "b", "tie") else ""] * 2 for w in words], dtype=object)
    orders[3] = ["a", "b"]

    def judged(wanted):
        chosen = [int(pair.removeprefix("pair")) for pair in wanted.pairs["pair_id"]]
        return Labels(words[chosen], p_a[chosen], "a judge", orders[chosen], {"judge": {"calls": 40}})

    monkeypatch.setattr(self_judge, "LABELER", Labeler(judged))
    return words


def cascading(folder, *votes, audit=0.5, **settings):
    label = {"labeler": "cascade", "people": people(**settings),
             "cascade": {"labeler": "self_judge", "unsure": 0.1, "audit_share": audit}}  # fmt: skip
    return request(pairs(20), folder, label=label, votes=label_rows(*votes))


def test_people_get_what_is_doubtful_and_a_sample(tmp_path, judge):
    with pytest.raises(LabelsMissing):
        cascade(cascading(tmp_path, audit=0.0))
    assert set(published(tmp_path).index) == {"pair0", "pair3", "pair4"}
    with pytest.raises(LabelsMissing):
        cascade(cascading(tmp_path, audit=0.5))
    drawn = set(published(tmp_path).index)
    assert {"pair0", "pair3", "pair4"} < drawn and "pair5" not in drawn
    assert 3 <= len(drawn) - 3 <= 13


def test_peoples_word_holds_where_they_were_asked_and_the_audit_measures_the_rest(tmp_path, judge):
    with pytest.raises(LabelsMissing):
        cascade(cascading(tmp_path))
    asked = sorted(published(tmp_path).index)
    doubtful = ["pair0", "pair3", "pair4"]
    audited = [pair for pair in asked if pair not in doubtful]
    against = audited[0]
    says = {pair: "b" if pair in doubtful or pair == against else "a" for pair in asked}
    says |= {"pair1": "b"} if "pair1" in audited and against != "pair1" else {}
    found = cascade(cascading(tmp_path, *(vote(pair, "ann", side) for pair, side in says.items())))
    by_pair = dict(zip(pairs(20)["pair_id"], found.winner, strict=True))
    assert all(by_pair[pair] == side for pair, side in says.items())
    assert by_pair["pair5"] == OVER_BUDGET
    untouched = [f"pair{n}" for n in range(6, 20) if f"pair{n}" not in asked]
    assert untouched and all(by_pair[pair] == "a" for pair in untouched)
    facts = found.facts["cascade"]
    assert (facts["doubtful"], facts["audited"]) == (3, len(audited))
    assert facts["not_looked_at"] == 20 - 3 - len(audited)
    wrong = sum(says[pair] != judge[int(pair.removeprefix("pair"))] for pair in audited)
    assert facts["error_of_rest"]["value"] == pytest.approx(wrong / len(audited), abs=1e-6)
    assert found.facts["judge"] == {"calls": 40}
    who = dict(zip(pairs(20)["pair_id"], found.labeler, strict=True))
    assert who["pair0"] == "human (majority)" and who[untouched[0]] == "a judge"


def test_a_judge_that_is_sure_of_all_needs_nobody(tmp_path, judge):
    label = {"labeler": "cascade", "people": people(),
             "cascade": {"labeler": "self_judge", "unsure": 0.1, "audit_share": 0.0}}  # fmt: skip
    sure = pairs(20).iloc[6:].reset_index(drop=True)
    found = cascade(request(sure, tmp_path, label=label, votes=label_rows()))
    assert found.winner.tolist() == ["a"] * 14
    assert found.facts["cascade"]["saved"] == 1.0
    assert found.facts["cascade"]["error_of_rest"] is None
