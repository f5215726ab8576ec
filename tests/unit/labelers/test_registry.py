"""Labelers are found by their files, and say themselves what they can do and with what they cannot work."""

import pytest
from unit_builders import raw_params

from realign.config import params_file
from realign.data import sources
from realign.errors import UserError
from realign.labelers import registry
from realign.labelers.base import Labeler

NAMES = {"oracle", "scores", "reward_model", "llm_judge", "self_judge", "quality_head", "human", "cascade"}


def problems(**changes):
    raw = raw_params()
    for key, value in changes.items():
        place = raw["label"]
        *path, last = key.split("__")
        for part in path:
            place = place[part]
        place[last] = value
    whole = params_file.check(raw)
    return registry.problems(whole, sources.find(whole.prepare))


def having(trait):
    return {name for name, labeler in registry.labelers().items() if getattr(labeler, trait)}


def test_every_labeler_declares_its_traits():
    assert set(registry.labelers()) == NAMES
    assert having("asks_people") == {"human", "cascade"}
    assert having("needs_scores") == {"scores"}
    assert having("simulated") == {"oracle"}
    assert having("costs_money") == {"llm_judge"}
    assert having("learns") == {"quality_head"}
    assert NAMES - having("labels_outside") == {"oracle", "scores", "human", "cascade"}


@pytest.mark.parametrize("name", ["nobody", "base", "registry", "../oracle", ""])
def test_an_unknown_labeler_names_those_that_exist(name):
    with pytest.raises(UserError, match="there are cascade, human, llm_judge") as told:
        registry.find(name)
    assert told.value.code == "label.unknown_labeler"


def test_the_machine_of_a_cascade_is_its_first_labeler():
    label = params_file.check(raw_params()).label
    assert registry.machine(label) == "oracle"
    assert registry.machine(label.model_copy(update={"labeler": "cascade"})) == "self_judge"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"labeler": "nobody"}, "label.labeler"),
        ({"labeler": "cascade", "cascade__labeler": "nobody"}, "label.cascade.labeler"),
        ({"labeler": "cascade", "cascade__labeler": "human"}, "label.cascade.labeler"),
        ({"labeler": "cascade", "cascade__labeler": "scores"}, "label.labeler"),
        ({"min_accuracy": 0.9, "known_pairs": "known.jsonl"}, "label.min_accuracy"),
        ({"labeler": "self_judge", "min_accuracy": 0.9}, "label.min_accuracy"),
        ({"labeler": "human", "people__gold_share": 0.1}, "label.people.gold_share"),
        ({"labeler": "llm_judge"}, "label.judge.model"),
        ({"labeler": "llm_judge", "judge__backend": "cloud"}, "label.judge.backend"),
        ({"labeler": "llm_judge", "judge__backend": "server", "judge__model": {"name": "m", "revision": "1"}},
         "label.judge.server"),
        ({"labeler": "llm_judge", "judge__model": {"name": "a/b", "revision": "0" * 40},
          "judge__attributes": {"helpfulness": 1.0}}, "label.judge.attributes"),
        ({"labeler": "llm_judge", "judge__model": {"name": "a/b", "revision": "0" * 40},
          "judge__server": "http://127.0.0.1:1/v1"}, "label.judge.server"),
    ],
)  # fmt: skip
def test_what_a_labeler_cannot_do_is_said_before_any_work(changes, key):
    (problem,) = problems(**changes)
    assert problem.startswith(f"{key}:")


def test_the_shipped_parameters_are_no_problem_and_problems_are_refused_together():
    assert problems() == []
    raw = raw_params()
    raw["label"] |= {"labeler": "llm_judge", "min_accuracy": 0.9}
    with pytest.raises(UserError, match=r"cannot be used \(2 problem") as told:
        registry.refuse(params_file.check(raw), sources.find(params_file.check(raw).prepare))
    assert told.value.code == "label.impossible"


def test_a_cascade_that_begins_with_llm_judge_is_checked_too():
    (problem,) = problems(labeler="cascade", cascade__labeler="llm_judge")
    assert problem.startswith("label.judge.model:")


def test_a_labeler_is_free_unless_it_says_what_it_costs():
    assert not Labeler(lambda request: None).costs_money
