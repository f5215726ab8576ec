"""dvc.yaml, the stage table, the flow and the code say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

from realign.config import params, params_file
from realign.pipeline import runner as stage
from realign.store.artifacts import ARTIFACTS

HOME = Path(__file__).parents[2]
PIPELINE: dict[str, Any] = YAML(typ="safe").load((HOME / "dvc.yaml").read_text())
COMPARE: dict[str, Any] = YAML(typ="safe").load((HOME / "compare" / "pipeline.yaml").read_text())
ENTRIES: dict[str, dict[str, Any]] = PIPELINE["stages"] | COMPARE["stages"]
ALL = (*stage.STAGES, *stage.COMPARE)

# As dvc.yaml names them; stage.FILES takes the same keys of params.yaml.
FILES = {
    "raw": "${prepare.path}", "known_pairs": "${label.known_pairs}", "rubric": "${label.judge.rubric}",
    "earlier": "${rewards.adapter}",
}  # fmt: skip


def _outs(entry: dict[str, Any]) -> set[str]:
    listed = [*entry.get("outs", []), *entry.get("metrics", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in listed}


def _paths(names: list[str], item: tuple[str, ...]) -> set[str]:
    """Where these lie: a stage with an item has its own part of a table that lies in parts."""
    return {FILES.get(name) or _place(name, item) for name in names}


def _place(name: str, item: tuple[str, ...]) -> str:
    if not item:
        return ARTIFACTS[name].home
    return ARTIFACTS[name].path.format(**{field: f"${{item.{field}}}" for field in item})


def test_stages_are_the_same_and_in_order() -> None:
    assert tuple(PIPELINE["stages"]) == stage.STAGES
    assert tuple(COMPARE["stages"]) == stage.COMPARE


@pytest.mark.parametrize("name", ALL)
def test_stage_reads_and_writes_what_dvc_tracks(name: str) -> None:
    entry, item = ENTRIES[name], stage.items(name)
    options = "".join(f" --{field} ${{item.{field}}}" for field in item)
    assert entry["cmd"] == f"python -m realign.pipeline.runner {name}{options}"
    assert tuple(entry.get("matrix", ())) == item
    assert {dep for dep in entry["deps"] if not dep.startswith("src/")} == _paths(stage.reads(name), item)
    assert _outs(entry) == _paths(stage.writes(name), item)
    assert set(entry["params"]) == set(stage.sections(name))


@pytest.mark.parametrize("name", ALL)
def test_deps_name_all_code_that_a_stage_stands_on(name: str) -> None:
    graph = grimp.build_graph("realign", cache_dir=None)
    module = f"realign.pipeline.stages.{name}"
    rooms = {m.split(".")[1] for m in graph.find_upstream_modules(module) if m.count(".") >= 1}
    code = {dep for dep in ENTRIES[name]["deps"] if dep.startswith("src/")}
    wanted = {f"src/realign/{room}" for room in rooms - {"stages"}} | {f"src/realign/stages/{name}.py"}
    assert code == wanted


def test_the_experiment_is_a_pipeline_of_its_own_in_the_same_workspace() -> None:
    assert COMPARE["vars"] == ["../params.yaml"]
    assert {entry["wdir"] for entry in COMPARE["stages"].values()} == {".."}
    assert COMPARE["stages"]["arm"]["matrix"] == {
        "strategy": "${compare.strategies}", "budget": "${compare.budgets}", "seed": "${compare.seeds}"
    }  # fmt: skip
    below = {name for one in stage.STAGES for name in stage.reads(one)}
    assert not below & {name for one in stage.COMPARE for name in stage.writes(one)}
    first = ("prepare", "base", "generate", "embed", "rewards")
    until_rewards = {name for one in first for name in stage.writes(one)}
    own = {name for one in stage.COMPARE for name in stage.writes(one)}
    given = {*FILES, "people", "strategies"}
    assert {name for one in stage.COMPARE for name in stage.reads(one)} <= until_rewards | own | given


def test_an_arm_is_the_same_whatever_other_arms_there_are() -> None:
    assert "compare" not in stage.sections("arm") and "compare" not in stage.sections("reference")


def test_outputs_belong_to_one_stage_and_inputs_come_from_above() -> None:
    given = {*FILES, "people", "strategies"}
    known = set(given)
    for name in ALL:
        assert set(stage.reads(name)) <= known, name
        written = set(stage.writes(name))
        assert not written & known
        known |= written
    assert known - set(FILES) == set(ARTIFACTS)
    assert set(stage.FILES) == set(FILES)


def test_every_section_of_params_is_read_by_a_stage() -> None:
    read = {key for name in ALL for key in stage.sections(name) if "." not in key}
    keys = {field.alias or name for name, field in params.Params.model_fields.items()}
    assert read == keys


def test_nothing_persists_between_runs_behind_dvcs_back() -> None:
    text = (HOME / "dvc.yaml").read_text() + (HOME / "compare" / "pipeline.yaml").read_text()
    assert "persist" not in text and "always_changed" not in text and "frozen" not in text


def test_plots_are_outputs() -> None:
    outs = set().union(*(_outs(entry) for entry in PIPELINE["stages"].values()))
    files = {file for plot in PIPELINE["plots"] for entry in plot.values() for file in entry["y"]}
    assert files <= outs


def test_make_clean_removes_every_output() -> None:
    recipe = (HOME / "Makefile").read_text().split("\nclean:")[1]
    outs = set().union(*(_outs(entry) for entry in ENTRIES.values()))
    words = recipe.split()
    left = [out for out in outs if not any(out == word or out.startswith(f"{word}/") for word in words)]
    assert left == []


def test_demo_profile_names_every_key_of_params() -> None:
    """As shipped the two files are equal; a team's own values in params.yaml must not break its tests."""
    yaml = YAML(typ="safe")
    mine, demo = (yaml.load((HOME / name).read_text()) for name in ("params.yaml", "profiles/demo.yaml"))
    assert _leaves(mine) == _leaves(demo)
    assert params_file.check(demo, "profiles/demo.yaml")


def _leaves(tree: Any, prefix: str = "") -> set[str]:
    if not isinstance(tree, dict):
        return {prefix}
    return {leaf for key, value in tree.items() for leaf in _leaves(value, f"{prefix}.{key}")}


def test_data_readme_is_written_from_the_code() -> None:
    from realign.data import dictionary

    text = (HOME / dictionary.README).read_text()
    assert dictionary.updated(text) == text, "run: python -m realign.data.dictionary"


def test_switches_against_telemetry_are_in_dvcs_config() -> None:
    config = (HOME / ".dvc/config").read_text()
    assert "analytics = false" in config and "check_update = false" in config
