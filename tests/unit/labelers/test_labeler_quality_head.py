"""quality_head: taught by the answers that exist, never asked about a prompt that it saw."""

import numpy as np
import pandas as pd
import pytest
from unit_builders import label_row, label_rows, request, turns, vote

from realign.errors import UserError
from realign.labelers.quality_head import label as quality_head
from realign.store import ids

DIMENSIONS = 5


def pairs(count=60):
    rows = []
    for number in range(count):
        prompt = ids.digest("prompt", str(number))
        rows.append((f"pair{number}", prompt, turns(f"Say {number}."), None, f"a{number}", f"b{number}",
                     f"a {number}", f"b {number}"))  # fmt: skip
    names = ["pair_id", "prompt_id", "messages", "rule", "response_a", "response_b", "text_a", "text_b"]
    return pd.DataFrame(rows, columns=names)


def vectors(texts):
    """A direction of quality in five dimensions: the first one decides."""
    return np.stack([np.random.default_rng(abs(hash_of(text))).normal(size=DIMENSIONS) for text in texts])


def hash_of(text):
    return int(ids.digest("vector", text)[:8], 16)


def truth(table):
    unit = lambda texts: (v := vectors(texts)) / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    gap = (unit(table["text_a"]) - unit(table["text_b"]))[:, 0]
    return np.where(gap > 0, "a", "b")


def test_it_learns_from_votes_and_says_how_well(tmp_path):
    table = pairs()
    votes = [
        vote(pair, "ann", side) for pair, side in zip(table["pair_id"][:40], truth(table)[:40], strict=True)
    ]
    found = quality_head(request(table, tmp_path, vectors=vectors, votes=label_rows(*votes)))
    right = found.winner == truth(table)
    assert right[40:].mean() >= 0.8
    assert ((found.p_a > 0.5) == (found.winner == "a")).all()
    facts = found.facts["quality_head"]
    assert facts["trained_on"] == {"people": 40}
    assert facts["agreement_with_unseen_labels"]["value"] == pytest.approx(right[:40].mean(), abs=1e-6)


def test_a_pair_is_labeled_by_a_head_that_did_not_see_it(tmp_path):
    table = pairs()
    sides = truth(table)
    honest = [vote(p, "ann", s) for p, s in zip(table["pair_id"], sides, strict=True)]
    lie = {"a": "b", "b": "a"}[sides[0]]
    lied = [vote("pair0", "ann", lie), *honest[1:]]
    ask = [
        quality_head(request(table, tmp_path, vectors=vectors, votes=label_rows(*v))) for v in (honest, lied)
    ]
    assert ask[0].winner[0] == ask[1].winner[0]


def test_people_are_believed_before_judges_and_known_pairs_before_both(tmp_path):
    table = pairs(30)
    judges = label_rows(*(label_row(pair, "a") for pair in table["pair_id"][:25]))
    votes = [vote(pair, "ann", "b") for pair in table["pair_id"][:20]]
    known = table.head(12).assign(answer="a")
    found = quality_head(
        request(table, tmp_path, vectors=vectors, votes=label_rows(*votes), known=known, labels=judges)
    )
    assert found.facts["quality_head"]["trained_on"] == {"judges": 5, "known pairs": 12, "people": 8}


def test_scores_teach_where_nothing_better_is_there(tmp_path):
    table = pairs(20)
    scores = pd.DataFrame(
        [("p", r, "score", v) for n in range(20) for r, v in ((f"a{n}", 1.0), (f"b{n}", float(n % 3)))],
        columns=["prompt_id", "response_id", "annotator", "score"],
    )
    found = quality_head(request(table, tmp_path, vectors=vectors, scores=scores))
    assert found.facts["quality_head"]["trained_on"] == {"scores": 20}


def test_too_few_answers_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"there are 2; it needs 10.*label\.known_pairs"):
        votes = label_rows(vote("pair0", "ann"), vote("pair1", "ann"))
        quality_head(request(pairs(), tmp_path, vectors=vectors, votes=votes))
