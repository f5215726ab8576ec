"""A plan prices the strategies that could run: those that pick by rewards, once rewards are computed."""

import pandas as pd
import pytest
from unit_builders import label_rows, raw_params, vote, world

from realign.config import params_file
from realign.experiments import plan
from realign.quality import gate
from realign.store import ledger_batches as batches
from realign.store import schemas
from realign.store.artifacts import ARTIFACTS, write_table


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is up to date until rewards, none of which were computed."""
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)
    tables = world(train=30, held_out=12)
    empty = pd.DataFrame(columns=schemas.REWARDS.names)
    write_tables(tmp_path, prompts=tables.prompts, responses=tables.responses, embeddings=tables.embeddings,
                 rewards=empty)  # fmt: skip
    return tmp_path


def write_tables(root, **tables):
    for name, frame in tables.items():
        write_table(root / ARTIFACTS[name].path, frame, ARTIFACTS[name].table)


def priced(root, strategy="easy"):
    raw = raw_params() | {"strategy": strategy, "audit": []}
    raw["validate"] |= {"min_rows": 2, "max_share_dropped": 0.99, "near_duplicate": 1.0}
    raw["rewards"]["reward"] = "base"
    return {row["strategy"]: row for row in plan.run(root, params_file.check(raw), None, 0)["strategies"]}


def test_what_picks_by_rewards_is_priced_where_there_are_some(project):
    assert not {"implicit_margin", "implicit_margin_small"} & set(priced(project))
    responses = pd.read_parquet(project / ARTIFACTS["responses"].path)["response_id"]
    rewards = pd.DataFrame({"response_id": responses, "reward": [float(at) for at in range(len(responses))]})
    write_tables(project, rewards=rewards.assign(policy_logprob=None, reference_logprob=-1.0, tokens=3))
    rows = priced(project, "implicit_margin")
    assert {"easy", "implicit_margin", "implicit_margin_small", "this run"} <= set(rows)
    assert rows["implicit_margin"]["train pairs"] > 0
    assert {row["calls"] for row in rows.values()} == {0}


def by_people(root, audit, votes):
    raw = raw_params() | {"strategy": "easy", "audit": ["random", "hard"]}
    raw["validate"] |= {"min_rows": 2, "max_share_dropped": 0.99, "near_duplicate": 1.0}
    raw["label"]["labeler"] = "human"
    raw["label"]["people"] |= {"audit": audit, "min_votes": 2}
    batches.write(label_rows(*votes), root / ARTIFACTS["people"].path)
    costs = plan.run(root, params_file.check(raw), None, 0)
    return {row["strategy"]: row for row in costs["strategies"]}, " ".join(costs["notes"])


def test_audited_pairs_cost_people_nothing_unless_they_are_asked_about_them(project):
    rows, notes = by_people(project, False, [])
    assert rows["easy"]["votes"] == rows["this run"]["votes"] == 2 * rows["this run"]["train pairs"] + 24
    assert "label.people.audit" in notes
    whole, notes = by_people(project, True, [])
    assert whole["this run"]["votes"] > 2 * rows["this run"]["votes"] - 24
    assert "label.people.audit" not in notes


def test_votes_without_a_time_do_not_make_people_free(project):
    """Votes that were imported say nothing of how long they took."""
    imported = [vote(f"p{n}", "ann", seconds=0.0) for n in range(5)]
    rows, notes = by_people(project, False, imported)
    assert rows["this run"]["people's minutes"] == rows["this run"]["votes"] * 0.5
    assert "a guess" in notes
    rows, notes = by_people(project, False, [*imported, vote("q", "ben", seconds=12.0)])
    assert rows["this run"]["people's minutes"] == pytest.approx(rows["this run"]["votes"] * 0.2)
    assert "as people took before" in notes
