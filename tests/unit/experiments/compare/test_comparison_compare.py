"""The whole comparison: plain, repeatable, right on what is known, and plain about what is not."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from synthetic_arms import World

from realign.errors import UserError
from realign.evaluation.calibration import ece
from realign.experiments.compare import Settings, compare

SETTINGS = Settings(confidence=0.95, resamples=30, seed=3)
WORLD = World(factors=(1.0, 5.0, 1.0), budgets=(40, 80, 160), prompts=150, seed=0.02)
Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@cache
def tables() -> Tables:
    return WORLD.tables(np.random.default_rng(1))


@cache
def result() -> dict[str, Any]:
    return compare(*tables(), SETTINGS)


def arm(found: dict[str, Any], strategy: str, budget: int) -> dict[str, Any]:
    return next(r["figures"] for r in found["arms"] if (r["strategy"], r["budget"]) == (strategy, budget))


def of(table: pd.DataFrame, strategy: str, budget: int) -> pd.DataFrame:
    return table[(table["strategy"] == strategy) & (table["budget"] == budget)]


@pytest.mark.parametrize(("pairs", "known"), [(49, False), (50, True)])
def test_calibration_is_not_shown_of_few_pairs(pairs, known):
    answers, margins, picks = tables()
    few = margins[margins["pair_id"].isin(sorted(margins["pair_id"].unique())[:pairs])]
    found = compare(answers, few, picks, SETTINGS)
    assert {row["figures"]["ece"] is not None for row in found["arms"]} == {known}
    assert (found["ece_by_chance"] is not None) == known


def test_the_same_tables_in_any_order_give_the_same_json():
    shuffled = [table.sample(frac=1, random_state=5) for table in tables()]
    text = json.dumps(result(), allow_nan=False)
    again = compare(*shuffled, SETTINGS)
    assert json.dumps(again, allow_nan=False) == text


def test_figures_are_the_means_over_seeds_of_what_each_run_gives():
    answers, margins, picks = (of(table, "other1", 80) for table in tables())
    figures = arm(result(), "other1", 80)
    assert figures["pair_accuracy"]["value"] == pytest.approx(margins["correct"].mean(), abs=1e-6)
    assert figures["reward_margin"]["value"] == pytest.approx(margins["margin"].mean(), abs=1e-6)
    assert figures["win_rate"]["value"] == pytest.approx(answers["win"].mean(), abs=1e-6)
    assert figures["kl_nats_per_response"]["value"] == pytest.approx(answers["kl"].mean(), abs=1e-6)
    by_seed = margins.groupby("seed")["correct"].mean()
    assert figures["pair_accuracy"]["seeds"] == pytest.approx(by_seed.tolist(), abs=1e-6)
    assert figures["pair_accuracy"]["spread"] == pytest.approx(by_seed.std(), abs=1e-6)
    calibration = [
        ece(special.expit(run["margin"].abs().to_numpy()), run["correct"].to_numpy())
        for _, run in margins.groupby("seed")
    ]
    assert figures["ece"]["seeds"] == pytest.approx(calibration, abs=1e-6)
    known = picks[picks["winner"].isin(["a", "b"]) & picks["gold"].isin(["a", "b"])]
    wrong = (known["winner"] != known["gold"]).groupby(known["seed"]).mean()
    assert figures["label_error"]["seeds"] == pytest.approx(wrong.tolist(), abs=1e-6)
    lengths = answers.groupby("seed")[["policy_tokens", "base_tokens"]].sum()
    ratio = (lengths["policy_tokens"] / lengths["base_tokens"]).mean()
    assert figures["length_ratio"]["value"] == pytest.approx(ratio, abs=1e-6)


def test_a_label_that_decides_nothing_is_no_error():
    answers, margins, picks = tables()
    winner = np.where(picks["place"] % 7 == 0, "tie", np.where(picks["place"] % 5 == 0, "both_bad", "a"))
    picks = picks.assign(winner=winner, gold="a", log_length_ratio=0.5)
    figures = arm(compare(answers, margins, picks, SETTINGS), "random", 40)
    assert figures["label_error"]["value"] == 0.0
    assert figures["longer_wins"]["value"] == 1.0
    assert figures["ties"]["value"] == pytest.approx((40 // 7 + 40 // 5 - 40 // 35) / 40)


def test_every_interval_holds_its_figure_and_rates_stay_rates():
    for row in result()["arms"]:
        for name, figure in row["figures"].items():
            assert figure["low"] <= figure["value"] <= figure["high"], name
            if name in ("pair_accuracy", "win_rate", "label_error", "ties"):
                assert figure["low"] >= 0 and figure["high"] <= 1


def test_the_better_strategy_is_named_with_its_gain_in_score_and_labels():
    said = result()["conclusion"]
    assert said["best"] == "other1"
    assert said["strategies"]["other1"]["conclusion"] == "better"
    assert said["strategies"]["other2"]["conclusion"] == "not distinguishable"
    figure = next(
        r["figures"]["pair_accuracy"] for r in result()["differences"]
        if (r["strategy"], r["budget"]) == ("other1", said["at"])
    )  # fmt: skip
    assert said["sentences"][0].startswith("other1 is best: with")
    assert f"{100 * figure['value']:+.1f} points" in said["sentences"][0]
    assert "saved" in said["sentences"][1]
    assert "other2" not in " ".join(said["sentences"])


def test_p_values_are_corrected_over_all_strategies_and_budgets():
    figures = [row["figures"]["pair_accuracy"] for row in result()["differences"]]
    smallest = min(figures, key=lambda figure: figure["p"])
    assert len(figures) == 6
    assert smallest["p_holm"] == pytest.approx(min(1, 6 * smallest["p"]), abs=1e-5)
    assert "p_holm" not in result()["differences"][0]["figures"]["reward_margin"]


def test_nothing_is_said_to_be_better_where_all_are_alike():
    world = replace(WORLD, factors=(1.0, 1.0, 1.0), seed=0.1)
    said = compare(*world.tables(np.random.default_rng(2)), SETTINGS)["conclusion"]
    assert said["best"] is None
    assert said["sentences"][0].startswith("Not distinguishable: no strategy is better than random.")


def test_one_training_an_arm_is_no_evidence():
    single = [table[table["seed"] == 0] for table in tables()]
    found = compare(*single, SETTINGS)
    assert found["conclusion"]["best"] is None
    assert "trained once" in found["conclusion"]["sentences"][0]
    assert found["differences"][0]["figures"]["pair_accuracy"]["p"] is None
    assert arm(found, "random", 40)["pair_accuracy"]["spread"] is None


def test_without_gold_label_error_is_unknown_and_the_rest_is_not():
    answers, margins, picks = tables()
    found = compare(answers, margins, picks.assign(gold=None), SETTINGS)
    assert arm(found, "random", 40)["label_error"] is None
    assert arm(found, "random", 40)["ties"] is not None
    json.dumps(found, allow_nan=False)


def test_a_rate_that_never_fails_has_the_exact_binomial_interval():
    answers, margins, picks = tables()
    found = compare(answers, margins.assign(correct=1.0, margin=2.0), picks, SETTINGS)
    figure = arm(found, "random", 40)["pair_accuracy"]
    assert (figure["value"], figure["high"], figure["method"]) == (1.0, 1.0, "exact binomial")
    assert figure["low"] == pytest.approx(stats.binomtest(150, 150).proportion_ci(0.95).low, abs=1e-6)
    assert found["conclusion"]["best"] is None
    json.dumps(found, allow_nan=False)


def test_all_that_is_missing_is_said_at_once():
    answers, margins, picks = tables()
    lost = (answers["strategy"] == "other1") & (answers["seed"] == 2) & (answers["budget"] == 40)
    with pytest.raises(UserError) as refused:
        compare(
            answers[~lost], margins.drop(index=margins.index[0]), picks, replace(SETTINGS, baseline="easy")
        )
    text = str(refused.value)
    assert "no arm of 'easy'" in text
    assert "answers: arm ('other1', 40, 2) has 0 of 150 prompt_ids" in text
    assert "margins: arm ('random', 40, 0) has 149 of 150 pair_ids" in text
