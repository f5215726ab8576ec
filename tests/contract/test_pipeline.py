"""dvc.yaml, the stage table, the flow and the code say the same."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

from realign.pipeline import declared, write
from realign.pipeline.stages import code as code_stage
from realign.pipeline.table import EXPERIMENT, STAGES
from realign.store.artifacts import ARTIFACTS
from realign.store.code import closure as measured
from realign.store.work import Work

HOME = Path(__file__).parents[2]
PIPELINE: dict[str, Any] = YAML(typ="safe").load((HOME / "dvc.yaml").read_text())
COMPARE: dict[str, Any] = YAML(typ="safe").load((HOME / "compare" / "pipeline.yaml").read_text())
ENTRIES: dict[str, dict[str, Any]] = PIPELINE["stages"] | COMPARE["stages"]
ALL = (*STAGES, *EXPERIMENT)
# Packages whose modules are found by their files.
DISCOVERED = {
    "realign.selection.strategies",
    "realign.data.sources",
    "realign.labelers",
    "realign.labelers.llm_judge.backends",
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage code writes."""
    work = Work(tmp_path_factory.mktemp("code"), "code")
    return code_stage.run(code_stage.Inputs(HOME / "src" / "realign"), code_stage.Settings(), work).code


def _outs(entry: dict[str, Any]) -> set[str]:
    listed = [*entry.get("outs", []), *entry.get("metrics", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in listed}


def test_the_written_files_are_as_the_stages_declare_them() -> None:
    """Where this fails: python -m realign.pipeline.write."""
    for path, text in write.files(HOME).items():
        assert (HOME / path).read_text() == text, (
            f"{path} is not current; run: python -m realign.pipeline.write"
        )


@pytest.mark.parametrize("name", ALL)
def test_a_stage_tracks_the_code_it_imports_and_hardly_any_other(name: str, code: Path) -> None:
    """The imports as another program sees them; a module that only a string names is found by its package."""
    assert f"data/code/{name}.txt" in ENTRIES[name]["deps"]
    tracked = {line.split()[1] for line in (code / f"{name}.txt").read_text().splitlines()}
    graph = grimp.build_graph("realign", cache_dir=None, exclude_type_checking_imports=True)
    discovered = {module for module in tracked if module.rpartition(".")[0] in DISCOVERED}
    stage = {"realign.pipeline.runner", f"realign.pipeline.stages.{name}"}
    imported = stage.union(*(graph.find_upstream_modules(root) for root in stage))
    assert imported <= tracked
    found = discovered.union(*(graph.find_upstream_modules(root) for root in discovered))
    lines = {module: len(_source(module).splitlines()) for module in tracked}
    beyond = {module for module in tracked - imported - found if _source_path(module).name != "__init__.py"}
    assert sum(lines[module] for module in beyond) <= 0.1 * sum(lines.values()), beyond


def test_a_new_data_source_makes_no_labels_stale(code: Path) -> None:
    for name in ("pilot", "label", "train"):
        assert "realign.data.sources" not in (code / f"{name}.txt").read_text(), name


def _source(module: str) -> str:
    return _source_path(module).read_text()


def _source_path(module: str) -> Path:
    folder = HOME / "src" / Path(*module.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def test_only_comments_and_docstrings_are_not_code(tmp_path: Path) -> None:
    home = tmp_path / "realign"
    shutil.copytree(HOME / "src" / "realign", home)
    module = home / "selection" / "choose.py"
    before = measured("realign.selection.choose", home=home)
    text = module.read_text()
    module.write_text(f'"""Another docstring."""\n# a comment\n{text.partition(chr(10))[2]}\n# the end\n')
    assert measured("realign.selection.choose", home=home) == before
    module.write_text(text.replace("budget", "budged"))
    changed = measured("realign.selection.choose", home=home)
    assert {name for name in changed if changed[name] != before[name]} == {"realign.selection.choose"}


def test_the_experiment_is_a_pipeline_of_its_own_in_the_same_workspace() -> None:
    assert COMPARE["vars"] == ["../params.yaml"]
    assert {entry["wdir"] for entry in COMPARE["stages"].values()} == {".."}
    assert COMPARE["stages"]["arm"]["matrix"] == {
        "strategy": "${compare.strategies}", "budget": "${compare.budgets}", "seed": "${compare.seeds}"
    }  # fmt: skip
    below = {name for one in STAGES for name in declared.reads(one)}
    assert not below & {name for one in EXPERIMENT for name in declared.writes(one)}
    first = ("prepare", "base", "generate", "embed", "rewards")
    until_rewards = {name for one in first for name in declared.writes(one)}
    own = {name for one in EXPERIMENT for name in declared.writes(one)}
    given = {*declared.FILES, "people", "strategies"}
    assert {name for one in EXPERIMENT for name in declared.reads(one)} <= until_rewards | own | given


def test_an_arm_is_the_same_whatever_other_arms_there_are() -> None:
    for name in ("arm", "reference"):
        assert [key for key in declared.keys(name) if key.startswith("compare")] == ["compare.samples"]


def test_outputs_belong_to_one_stage_and_inputs_come_from_above() -> None:
    given = {*declared.FILES, "people", "strategies"}
    known = set(given)
    for name in ALL:
        assert set(declared.reads(name)) <= known, name
        written = set(declared.writes(name))
        assert not written & known
        known |= written
    assert known - set(declared.FILES) == set(ARTIFACTS) - {"source", "code"}


def test_nothing_persists_between_runs_behind_dvcs_back() -> None:
    text = (HOME / "dvc.yaml").read_text() + (HOME / "compare" / "pipeline.yaml").read_text()
    assert "persist" not in text and "always_changed" not in text and "frozen" not in text


def test_plots_are_outputs() -> None:
    outs = set().union(*(_outs(entry) for entry in PIPELINE["stages"].values()))
    files = {file for plot in PIPELINE["plots"] for entry in plot.values() for file in entry["y"]}
    assert files <= outs


def test_make_clean_removes_every_output_and_no_label(tmp_path: Path) -> None:
    """A ledger, votes and raw data are nobody's output; whatever else lies beside them stays too."""
    assert "python -m realign.pipeline.clean" in (HOME / "Makefile").read_text().split("\nclean:")[1]
    outs = set().union(*(_outs(entry) for entry in ENTRIES.values()))
    made = [tmp_path / re.sub(r"\$\{[^}]*\}", "1", out) for out in outs] + [
        tmp_path / ".work/rows/embed.sqlite"
    ]
    kept = [
        tmp_path / name
        for name in (
            "data/labels/local/ledger.sqlite", "data/labels/local/votes.sqlite", "data/labels/local/secret",
            ".work/unknown",
            "data/labels/ledger/1.parquet", "data/labels/people/1.parquet", "data/raw/mine.jsonl", "data/README.md",
        )
    ]  # fmt: skip
    for path in (*made, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run([sys.executable, "-m", "realign.pipeline.clean"], cwd=tmp_path, check=True)
    assert not [path for path in made if path.exists()]
    assert not [path for path in kept if not path.exists()]
