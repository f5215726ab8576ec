"""picks, reference, arm and summary: the same labels and luck for every arm, only the picks differ."""

import numpy as np
import pandas as pd
import pytest
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import world

from realign.config.params import Arm
from realign.errors import UserError
from realign.evaluation import held_out
from realign.training import common

LIMITS = under("validate", min_rows=2, max_length_ratio=2.0, near_duplicate=1.0)
SIZES = under("generate", max_new_tokens=8, tokens_per_batch=500) | under(
    "embed", max_tokens=64, tokens_per_batch=500
)
GRID = under("compare", strategies=["easy", "margin", "random"], budgets=[12, 24], seeds=[1, 2], pilot=10)
# Counting, margin would learn this world by heart and pick pairs that the gate drops: the most unlike in length.
COUNTS_NOTHING = {"select.text_features": False}


def bought(tables, folder, changes=None, rewards=None, **grid):
    changes = SIZES | LIMITS | COUNTS_NOTHING | GRID | under("compare", **grid) | (changes or {})
    given = {} if rewards is None else {"rewards": rewards}
    return run_stage("picks", tables, folder, changes, **given)


@pytest.fixture(scope="module")
def tables():
    return world(train=60, held_out=6)


@pytest.fixture(scope="module")
def found(tables, tmp_path_factory):
    return bought(tables, tmp_path_factory.mktemp("picks"), budgets=[20, 30])


def parts(found):
    return {Arm(*key): part.sort_values("place") for key, part in found.arm_picks.groupby(list(Arm._fields))}


def test_every_arm_buys_as_many_labels_as_its_budget_says(found):
    for one, part in parts(found).items():
        assert part["place"].tolist() == list(range(1, one.budget + 1)), one
        assert part["pair_id"].is_unique


def test_a_pair_has_one_verdict_whichever_arm_asks(found):
    said = found.arm_picks.groupby("pair_id")[["winner", "p_a", "gold"]].nunique()
    assert (said == 1).all().all()


def test_a_smaller_budget_buys_the_first_of_a_larger_one(found):
    each = parts(found)
    for strategy in ("easy", "random"):
        small, large = (each[Arm(strategy, budget, 1)]["pair_id"].tolist() for budget in (20, 30))
        assert large[:20] == small


def test_who_learns_pays_for_its_pilot_of_at_most_half(found):
    each = parts(found)
    for one, part in each.items():
        teach = part["pilot"].sum()
        assert teach == (10 if one.strategy == "margin" else 0)
        assert part["pilot"].tolist() == [True] * teach + [False] * (one.budget - teach)
    learnt = each[Arm("margin", 30, 1)]
    assert set(learnt.loc[learnt["pilot"], "pair_id"]) <= set(each[Arm("margin", 20, 1)]["pair_id"])


def test_a_pilot_in_rounds_is_a_part_of_a_larger_one_and_has_the_verdicts_of_all(tables, found, tmp_path):
    options = under("pilot", by="margin", round=5)
    more = {"strategies": ["margin", "random"], "budgets": [20, 30], "pilot": 12}
    each = parts(bought(tables, tmp_path, options, **more))
    pilots = {b: each[Arm("margin", b, 1)].query("pilot")["pair_id"].tolist() for b in (20, 30)}
    assert pilots[20] == pilots[30][:10] and len(pilots[30]) == 12
    chance = parts(found)[Arm("margin", 20, 1)].query("pilot")["pair_id"].tolist()
    assert pilots[20][:5] == chance[:5]
    assert pilots[20][5:] != chance[5:]


def test_a_seed_draws_what_is_random_anew_and_nothing_else(found):
    each = parts(found)
    assert set(each[Arm("random", 20, 1)]["pair_id"]) != set(each[Arm("random", 20, 2)]["pair_id"])
    assert each[Arm("easy", 20, 1)]["pair_id"].tolist() == each[Arm("easy", 20, 2)]["pair_id"].tolist()


def test_pairs_that_the_gate_would_drop_are_not_bought(found):
    assert np.exp(found.arm_picks["log_length_ratio"].abs()).max() <= 2.0 + 1e-6


def test_held_out_pairs_have_a_better_side(tables, found):
    held_out = set(tables.prompts.query("split == 'eval'")["prompt_id"])
    assert set(found.held_out["prompt_id"]) <= held_out
    first = tables.responses[tables.responses["k"] == 0]["response_id"]
    assert not found.held_out["worse"].isin(first).any(), "the first response is the right one"


def test_other_arms_do_not_change_what_an_arm_buys(tables, found, tmp_path):
    alone = bought(tables, tmp_path, strategies=["margin", "random"], budgets=[30], seeds=[2])
    pd.testing.assert_frame_equal(
        parts(alone)[Arm("margin", 30, 2)].reset_index(drop=True),
        parts(found)[Arm("margin", 30, 2)].reset_index(drop=True),
    )


def test_what_cannot_be_bought_is_said_at_once(tables, tmp_path):
    with pytest.raises(UserError) as told:
        bought(tables, tmp_path, strategies=["esay", "margin", "implicit_margin"], budgets=[12, 500])
    for words in (
        "'esay'",
        "margin: learns nothing from fewer than 10 labels",
        "implicit_margin: picks by the policy's own reward of each response; set rewards.reward",
        "500: there",
    ):
        assert words in str(told.value)
    with pytest.raises(UserError, match=r"easy, budget 60: \d+ sound pairs"):
        bought(tables, tmp_path, strategies=["easy", "random"], budgets=[60])


def test_arms_that_pick_by_rewards_buy_the_largest_gaps(tables, tmp_path):
    reward = pd.Series(
        np.random.default_rng(3).normal(size=len(tables.responses)), index=tables.responses["response_id"]
    )
    table = pd.DataFrame({"response_id": reward.index, "reward": reward.to_numpy()})
    told = {"strategies": ["implicit_margin", "random"], "budgets": [12], "seeds": [1]}
    how = under("rewards", reward="base")
    each = parts(bought(tables, tmp_path, how, table, **told))
    gaps = {
        arm.strategy: np.abs(reward[part["response_a"]].to_numpy() - reward[part["response_b"]].to_numpy())
        for arm, part in each.items()
    }
    assert (np.diff(gaps["implicit_margin"]) <= 0).all(), "the largest gap is bought first"
    assert gaps["implicit_margin"].min() > np.median(gaps["random"])


@pytest.fixture(scope="module")
def answers(tables, tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    return run_stage(
        "reference", tables, folder, SIZES | {"compare.samples": 2}, base=tiny_folder
    ).base_answers


def stopped(*_):
    raise KeyboardInterrupt


def trained(tables, found, answers, base, folder, item):
    mine = found.arm_picks.merge(pd.DataFrame([item]), on=list(Arm._fields))
    train = under(
        "train", epochs=1.0, batch_size=8, checkpoint_every=1, learning_rate=0.01,
        lora={"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": "all-linear"},
    )  # fmt: skip
    return run_stage(
        "arm", tables, folder, SIZES | train | {"compare.samples": 2}, item=item,
        base=base, arm_picks=mine, held_out=found.held_out, base_answers=answers,
    )  # fmt: skip


def test_arms_are_measured_on_the_same_and_compared(
    tables, found, answers, tiny_folder, tmp_path, monkeypatch
):
    arms = [Arm(strategy, 20, seed) for strategy in ("easy", "random") for seed in (1, 2)]
    each = [trained(tables, found, answers, tiny_folder, tmp_path, item) for item in arms]
    prompts = sorted(tables.prompts.query("split == 'eval'")["prompt_id"])
    base = answers.groupby("prompt_id")["tokens"].mean()
    for outputs in each:
        assert outputs.arm_answers["prompt_id"].tolist() == prompts
        assert outputs.arm_answers["base_tokens"].tolist() == base.loc[prompts].tolist()
        assert set(outputs.arm_margins["pair_id"]) == set(found.held_out["pair_id"])
        assert np.isfinite(outputs.arm_answers["kl"]).all()
    margins = [tuple(outputs.arm_margins["margin"].round(6)) for outputs in each]
    assert len(set(margins)) == len(arms), "other pairs and other seeds are other trainings"
    assert not list((tmp_path / "scratch").iterdir()), "an arm leaves no adapter behind"
    with monkeypatch.context() as patch:
        patch.setattr(held_out, "margins", stopped)
        with pytest.raises(KeyboardInterrupt):
            trained(tables, found, answers, tiny_folder, tmp_path, arms[0])
    resumed = []
    real = common.last_checkpoint
    monkeypatch.setattr(common, "last_checkpoint", lambda folder: resumed.append(real(folder)) or resumed[-1])
    again = trained(tables, found, answers, tiny_folder, tmp_path, arms[0])
    assert resumed[0] and "checkpoints/arm-easy-20-1/" in resumed[0], "it went on from its own checkpoint"
    pd.testing.assert_frame_equal(again.arm_answers, each[0].arm_answers)
    pd.testing.assert_frame_equal(again.arm_margins, each[0].arm_margins)

    whole = run_stage(
        "summary", None, tmp_path, under("compare", strategies=["easy", "random"], budgets=[20], seeds=[1, 2]),
        arm_picks=found.arm_picks.merge(pd.DataFrame(arms), on=list(Arm._fields)),
        arm_answers=pd.concat([outputs.arm_answers for outputs in each]),
        arm_margins=pd.concat([outputs.arm_margins for outputs in each]),
    )  # fmt: skip
    assert whole.comparison["strategies"] == ["random", "easy"]
    assert whole.comparison_page.startswith("<!doctype html>")
