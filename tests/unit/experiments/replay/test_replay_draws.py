"""Replay counts what it says it counts, against plain Python; and finds what was planted."""

import dataclasses
import itertools

import numpy as np
import pytest
from scored_data import scored
from unit_builders import section

from realign.errors import UserError
from realign.evaluation.intervals import Resampling
from realign.experiments.replay import figures
from realign.experiments.replay.conclusion import conclude
from realign.experiments.replay.draws import Plan, replay
from realign.selection import registry

KNOWN = registry()
HOW = Resampling(200, 0.95, 7)


def plan(*names, **changes):
    given = {
        "strategies": ("random", *names),
        "k": None,
        "draws": 3,
        "budget": None,
        "pilot": section("pilot", prompts=60),
        "temperatures": (1.0,),
        "seed": 7,
        "options": section("select"),
    }
    if isinstance(changes.get("pilot"), dict):
        changes["pilot"] = section("pilot", **changes["pilot"])
    return Plan(**(given | changes))


def test_label_error_is_disagreement_on_pairs_that_neither_ties():
    data, vectors = scored(prompts=30, k=4)
    data = dataclasses.replace(
        data, score=data.score.round(0), quality=data.score.round(0), second=data.second.round(0)
    )
    found = replay(data, vectors, plan("easy", draws=1), KNOWN)
    unit = {r: v / np.linalg.norm(v) for r, v in zip(vectors["response_id"], vectors["vector"], strict=True)}
    errors, ties, every = [], [], []
    for _, part in data.responses.groupby("prompt_id"):
        pairs = list(itertools.combinations(sorted(part["response_id"]), 2))
        said = {}
        for a, b in pairs:
            one, two = (np.sign(s[a] - s[b]) for s in (data.score, data.second))
            said[a, b] = None if one == 0 or two == 0 else float(one != two)
        least = min(pairs, key=lambda p: (round(float(unit[p[0]] @ unit[p[1]]), 5), p))
        errors.append(said[least])
        ties.append(data.score[least[0]] == data.score[least[1]])
        every.append([said[p] for p in pairs if said[p] is not None])
    error = found.sums["easy"]["label_error"]
    counted = [e for e in errors if e is not None]
    assert (error.above.sum(), error.below.sum()) == (sum(counted), len(counted))
    tied = found.sums["easy"]["ties"]
    assert (tied.above.sum(), tied.below.sum()) == (sum(ties), 30)
    mine = sum(sum(e) / 6 for e in every) / sum(len(e) / 6 for e in every)
    assert found.sums["random"]["label_error"].value == pytest.approx(mine)


def test_without_a_second_annotator_the_error_is_bradley_terrys():
    data, vectors = scored(prompts=20, k=3)
    found = replay(
        dataclasses.replace(data, second=None), vectors, plan("easy", temperatures=(0.5, 2.0)), KNOWN
    )
    assert found.criteria == ("temperature 0.5", "temperature 2")
    gap = np.abs(data.quality.to_numpy()[found.whole.first] - data.quality.to_numpy()[found.whole.second])
    np.testing.assert_allclose(found.terms["temperature 2"].above, 1 / (1 + np.exp(gap / 2)))
    low, high = (found.sums["easy"][key].value for key in ("label_error", "temperature 2"))
    assert low < high


def test_a_pilot_is_paid_for_and_stays_out_of_what_is_measured():
    data, vectors = scored()
    found = replay(data, vectors, plan("margin", "easy", draws=4), KNOWN)
    assert found.labels == {"random": 200, "margin": 200, "easy": 200}
    measured = found.sums["margin"]["ties"].below
    assert measured.sum() == 4 * 140
    assert (found.sums["easy"]["ties"].below == measured).all()
    limited = replay(data, vectors, plan("margin", "easy", draws=4, budget=100), KNOWN)
    assert limited.labels == {"random": 100, "margin": 100, "easy": 100}
    assert limited.sums["margin"]["ties"].below.sum() == 4 * 40


def test_a_pilot_picked_by_a_strategy_is_measured_with_the_rest_and_errs_less():
    data, vectors = scored(signal=1.5)
    picked = {"by": "margin", "round": 30}
    found, before = (
        replay(data, vectors, plan("margin", "easy", pilot={"prompts": 150, **how}), KNOWN)
        for how in (picked, {})
    )
    assert found.labels == before.labels
    for name in found.sums:
        assert found.sums[name]["ties"].below.sum() == pytest.approx(3 * 200)
        both = [found.sums[name][key].above for key in ("label_error", "label_error_all")]
        np.testing.assert_allclose(*both)
    error, chance = (f.sums["margin"]["label_error_all"].value for f in (found, before))
    assert error < 0.85 * chance


def test_what_is_learned_is_found_and_holds_on_prompts_it_never_saw():
    data, vectors = scored(signal=1.5)
    found = replay(data, vectors, plan("margin", "uncertainty", "easy"), KNOWN)
    error = {name: sums["label_error"].value for name, sums in found.sums.items()}
    assert error["margin"] < 0.75 * error["random"] < 0.75 * 0.85 * error["uncertainty"]


def test_a_favorite_is_below_random_by_the_test_and_by_the_interval():
    data, vectors = scored(signal=1.5)
    asked = plan("margin", "easy")
    found = replay(data, vectors, asked, KNOWN)
    rows = figures.strategies(found, asked, HOW)
    rows["easy"]["p_holm"] = 0.9
    assert rows["margin"]["p_holm"] < 0.05
    assert conclude(found, rows, asked, HOW)["favorite"] == "margin"
    rows["margin"]["against_random"]["label_error"]["high"] = 0.001
    said = conclude(found, rows, asked, HOW)
    assert said["favorite"] is None and said["sentences"][0].startswith("Not distinguishable")


def test_nothing_is_learned_from_noise():
    data, vectors = scored(signal=0.0, prompts=300)
    found = replay(data, vectors, plan("margin", draws=5), KNOWN)
    rows = figures.strategies(found, plan("margin"), HOW)
    assert rows["margin"]["figures"]["label_error"]["value"] == pytest.approx(0.5, abs=0.06)
    said = conclude(found, rows, plan("margin"), HOW)
    assert said["favorite"] is None
    assert said["sentences"][0].startswith("Not distinguishable")


def test_so_many_responses_are_sampled_and_no_more():
    data, vectors = scored(prompts=40, k=6)
    found = replay(data, vectors, plan("easy", "hard", k=2, draws=2), KNOWN)
    easy, hard = (found.sums[n]["similarity"].above for n in ("easy", "hard"))
    np.testing.assert_allclose(easy, hard)  # of two responses there is one pair
    more = replay(data, vectors, plan("easy", k=2, draws=12), KNOWN)
    assert len(np.unique(np.round(more.sums["easy"]["similarity"].above / 12, 6))) == 40


def test_the_same_request_gives_the_same_figures_whatever_the_order_of_rows():
    data, vectors = scored(prompts=80)
    asked = plan("margin_length_bounded", "mid", "whitened", k=4)
    one = figures.strategies(replay(data, vectors, asked, KNOWN), asked, HOW)
    mixed = dataclasses.replace(data, responses=data.responses.iloc[::-1].reset_index(drop=True))
    two = figures.strategies(replay(mixed, vectors.iloc[::-1], asked, KNOWN), asked, HOW)
    assert one == two


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pilot": {"prompts": 200}}, "leaves none of the 200"),
        ({"budget": 60}, "budget of 60 labels is spent by the pilot of 60"),
    ],
)
def test_a_pilot_that_leaves_nothing_is_refused(changes, words):
    data, vectors = scored()
    with pytest.raises(UserError, match=words):
        replay(data, vectors, plan("margin", **changes), KNOWN)
    replay(data, vectors, plan("easy", **changes), KNOWN)


def test_the_conclusion_names_the_favorite_what_it_costs_and_what_a_blind_choice_is_worth():
    data, vectors = scored(prompts=400, signal=2.0)
    asked = plan("margin", "uncertainty", "length_gap", draws=4)
    found = replay(data, vectors, asked, KNOWN)
    rows = figures.strategies(found, asked, HOW)
    said = conclude(found, rows, asked, HOW)
    assert (said["favorite"], said["unbiased"]) == ("margin", "margin")
    assert said["blind"]["chosen"] == ["margin", "margin"]
    assert said["blind"]["label_error"] < 0.75 * said["blind"]["random"]
    assert said["sentences"][0].startswith("This data favors margin: label error")
    assert "Worse than random: uncertainty." in said["sentences"]


def test_with_too_few_comparable_pairs_nothing_is_claimed():
    data, vectors = scored(prompts=20, k=2)
    asked = plan("easy", draws=1)
    found = replay(data, vectors, asked, KNOWN)
    said = conclude(found, figures.strategies(found, asked, HOW), asked, HOW)
    assert said["sentences"] == [
        "Fewer than 30 pairs have a label that can be checked: this data says nothing about label error."
    ]


def test_bins_of_similarity_hold_every_pair_once_and_show_a_planted_slope():
    data, vectors = scored(prompts=150)
    found = replay(data, vectors, plan("easy", draws=1), KNOWN)
    rows = figures.by_similarity(found, HOW)
    assert sum(row["pairs"] for row in rows) == len(found.whole.prompt)
    assert (
        rows[-1]["label_error"]["value"] > 1.3 * rows[0]["label_error"]["value"]
    )  # near vectors, near quality


PINNED = {
    "random": {"label_error": 0.256667, "score_gap": 2.076113, "abs_log_length_ratio": 0.844327,
               "longer_wins": 0.498958, "similarity": 0.007788, "similarity_with_length": -0.02166},
    "margin": {"label_error": 0.083333, "label_error_all": 0.133333, "score_gap": 3.268694, "ties": 0.0,
               "abs_log_length_ratio": 0.851865, "longer_wins": 0.477083, "similarity": -0.194623},
    "margin_length_bounded": {"label_error": 0.0875, "label_error_all": 0.136111, "longer_wins": 0.545833,
                              "abs_log_length_ratio": 0.884912, "similarity_with_length": 0.009546},
}  # fmt: skip


def test_figures_are_those_of_the_published_tables_code():
    """As the code gave them with which the tables of docs/results.md were made."""
    data, vectors = scored(prompts=120, signal=1.5)
    request = plan("easy", "margin", "margin_length_bounded", pilot={"prompts": 40})
    rows = figures.strategies(replay(data, vectors, request, KNOWN), request, HOW)
    for name, pinned in PINNED.items():
        values = {key: rows[name]["figures"][key]["value"] for key in pinned}
        assert values == pytest.approx(pinned, abs=2e-6), name
    error = rows["margin"]["figures"]["label_error"]
    assert (error["low"], error["high"], error["n"]) == pytest.approx((0.051481, 0.136478, 120), abs=2e-6)
    assert rows["margin"]["p_holm"] == 0.0012
