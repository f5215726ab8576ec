"""What DVC can pull of an experiment: what has run, and is still asked for."""

import shutil

import pytest
from unit_builders import ROOT

from flows import dvc_cli, project, settings
from realign.config.params import Arm
from realign.errors import UserError


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    settings.write(
        tmp_path, None, ["compare.strategies=[easy, random]", "compare.budgets=[50]", "compare.seeds=[1]"]
    )
    (tmp_path / "compare").mkdir()
    return tmp_path


def test_an_arm_is_called_by_its_values():
    assert dvc_cli.target("arm", Arm("easy", 50, 1)) == "compare/dvc.yaml:arm@easy-50-1"
    assert dvc_cli.target("picks") == "compare/dvc.yaml:picks"


def test_what_never_ran_or_is_asked_for_no_more_is_not_pulled(root):
    assert dvc_cli.finished_arms(root) == []
    ran = ("picks", "arm@easy-50-1", "arm@hard-50-1")
    lock = "schema: '2.0'\nstages:\n" + "".join(f"  {name}: {{cmd: x}}\n" for name in ran)
    (root / "compare" / "dvc.lock").write_text(lock)
    assert dvc_cli.finished_arms(root) == ["compare/dvc.yaml:picks", "compare/dvc.yaml:arm@easy-50-1"]


def test_an_experiment_that_cannot_be_made_is_refused_and_not_written_down(root):
    before = (root / "params.yaml").read_text()
    with pytest.raises(UserError, match=r"(?s)'esay'.*margin: learns nothing"):
        settings.write(
            root,
            None,
            ["compare.strategies=[esay, margin, random]", "compare.budgets=[12]"],
            lambda outcome: project.check_comparison(root, outcome),
        )
    assert (root / "params.yaml").read_text() == before
