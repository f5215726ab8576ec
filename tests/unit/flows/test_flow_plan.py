"""A plan in a project that is not up to date says what it would run, and runs it only when told so."""

import json

import pytest
from unit_builders import ROOT

from flows import cli_plan
from realign.config import params_file
from realign.errors import UserError


@pytest.fixture
def params():
    return params_file.load(ROOT / "params.yaml")


def test_it_needs_the_stages_from_the_first_stale_one_on():
    assert cli_plan.needed(set()) == []
    assert cli_plan.needed({"train", "report"}) == []
    assert cli_plan.needed({"embed", "generate", "train"}) == ["generate", "embed", "rewards"]
    assert cli_plan.needed({"code", "prepare"}) == ["prepare", "base", "generate", "embed", "rewards"]


def test_it_says_what_they_do_and_what_they_took_before(tmp_path, params):
    said = cli_plan.work(tmp_path, params, ["base", "generate"])
    assert (
        "base builds a model and trains it for 750 steps; generate samples 6 responses to each prompt" in said
    )
    assert "has not been measured here yet" in said and "Nothing is bought" in said
    folder = tmp_path / ".work" / "provenance"
    folder.mkdir(parents=True)
    for stage, seconds in (("base", 90), ("generate", 60)):
        (folder / f"{stage}.json").write_text(json.dumps({"seconds": seconds}))
    assert "They took 2.5 minutes here the last time" in cli_plan.work(tmp_path, params, ["base", "generate"])


def test_without_anybody_to_ask_it_names_the_command(monkeypatch):
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115
    with pytest.raises(UserError, match="realign plan --yes") as caught:
        cli_plan.confirm("It trains.")
    assert caught.value.code == "plan.not_confirmed"
