"""pilot: random pairs labeled first; the same labeler says the same of them later."""

from dataclasses import replace

import pytest
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import refused, world

from realign.errors import LabelsMissing
from realign.labelers import label_pairs, oracle
from realign.store import ids

LIMITS = under("validate", min_rows=2, max_length_ratio=3.0, near_duplicate=1.0, max_share_dropped=0.9)


@pytest.fixture
def run(tmp_path):
    def go(tables, prompts=10, seed=7, limits=LIMITS, **how):
        changes = {"seed": seed, **limits, **under("pilot", prompts=prompts, **how)}
        return run_stage("pilot", tables, tmp_path, changes).pilot

    return go


def test_without_a_pilot_there_is_an_empty_table_and_nobody_is_asked(run, monkeypatch):
    monkeypatch.setattr(label_pairs, "label_pairs", None)
    assert run(world(), prompts=0).empty


def test_a_pilot_takes_one_sound_pair_of_so_many_train_prompts(run):
    tables = world(train=40)
    found = run(tables, 15, limits=LIMITS | {"validate.max_length_ratio": 2.0})
    train = set(tables.prompts.query("split == 'train'")["prompt_id"])
    assert len(found) == 15 and found["prompt_id"].is_unique and set(found["prompt_id"]) <= train
    tokens = tables.responses.set_index("response_id")["tokens"]
    lengths = tokens.loc[found["response_a"]].to_numpy(), tokens.loc[found["response_b"]].to_numpy()
    ratio = [max(a, b) / min(a, b) for a, b in zip(*lengths, strict=True)]
    assert max(ratio) <= 2.0 < max(tokens) / min(tokens), (
        "the widest pairs do not pass the gate, so none is bought"
    )
    for row in found.itertuples():
        assert (row.response_a, row.response_b) == ids.shown_order(
            row.prompt_id, row.response_a, row.response_b
        )


def test_what_a_pilot_judges_is_kept_where_label_looks(run, monkeypatch):
    places = []

    def watched(request):
        places.append(request.work.scratch().name)
        return oracle.label(request)

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=watched))
    run(world(train=40), 15)
    assert len(places) == 1 and places[0].startswith("label-")


def test_a_smaller_pilot_is_part_of_a_larger_one_and_another_seed_draws_another(run):
    tables = world(train=40)
    small, large, other = run(tables, 8), run(tables, 20), run(tables, 8, seed=8)
    assert set(small["pair_id"]) < set(large["pair_id"])
    assert set(small["pair_id"]) != set(other["pair_id"])


def test_a_pilot_in_rounds_asks_for_each_round_and_buys_nothing_twice(run, monkeypatch):
    asked = []

    def watched(request):
        asked.append(set(request.pairs["pair_id"]))
        return oracle.label(request)

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=watched))
    tables = world(train=40)
    found = run(tables, 30, by="margin", round=12)
    assert [len(pairs) for pairs in asked] == [12, 24, 30]
    assert asked[0] < asked[1] < asked[2] == set(found["pair_id"])
    assert asked[0] == set(run(tables, 12)["pair_id"]), "the first round is drawn by chance"
    assert asked[2] != set(run(tables, 30)["pair_id"])


def test_people_get_a_batch_a_round_and_the_same_run_goes_on(run, monkeypatch):
    tables, answered, batches = world(train=40), set(), []
    whole = run(tables, 30, by="margin", round=12)

    def slow(request):
        missing = set(request.pairs["pair_id"]) - answered
        if missing:
            batches.append(len(missing))
            answered.update(missing)
            raise LabelsMissing("votes are missing")
        return oracle.label(request)

    monkeypatch.setattr(oracle, "LABELER", replace(oracle.LABELER, label=slow))
    for _ in range(3):
        with pytest.raises(LabelsMissing):
            run(tables, 30, by="margin", round=12)
    assert run(tables, 30, by="margin", round=12).equals(whole)
    assert batches == [12, 12, 6]


def test_a_pilot_that_leaves_no_prompt_is_refused(run):
    with refused("pilot.too_large", match=r"pilot\.prompts: 40 of"):
        run(world(train=40), 40)


def test_pilot_pairs_are_trained_on_with_the_verdicts_that_they_had(run, tmp_path):
    tables = world(train=40)
    first = run(tables, 15)
    picking = {"strategy": "margin", "audit": [], "select.budget": 25}
    pairs = run_stage("select", tables, tmp_path, picking, pilot=first).pairs
    mine = pairs[pairs["purpose"] == "train"]
    assert len(mine) == 25 and set(first["pair_id"]) < set(mine["pair_id"])
    passed = run_stage("validate", tables, tmp_path, LIMITS, pairs=pairs)
    assert set(first["pair_id"]) <= set(passed.validated_train["pair_id"])
    labels = run_stage(
        "label", tables, tmp_path, LIMITS | {"validate.max_length_confound": 1.0},
        validated_train=passed.validated_train, validated_measure=passed.validated_measure,
    ).labels  # fmt: skip
    later = labels.set_index("pair_id").loc[first["pair_id"]]
    assert later["winner"].tolist() == first["winner"].tolist()
    assert later["p_a"].tolist() == first["p_a"].tolist()
