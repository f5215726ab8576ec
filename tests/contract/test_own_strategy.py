"""The worked example of CONTRIBUTING.md is a strategy everywhere, with no other line changed."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from flows import project
from realign.errors import UserError
from realign.experiments.replay.run import shown
from realign.selection import choose, registry
from realign.selection.candidates import candidates

HOME = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with the example dropped in, and named in params.yaml."""
    text = (HOME / "CONTRIBUTING.md").read_text()
    found = re.search(r"`(strategies/middle\.py)`:\n\n```python\n(.*?)```", text, re.S)
    assert found
    (tmp_path / "strategies").mkdir()
    (tmp_path / found[1]).write_text(found[2])
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    shutil.copytree(HOME / "data" / "builtin", tmp_path / "data" / "builtin")
    yaml = YAML()
    params = yaml.load((HOME / "params.yaml").read_text())
    params["strategy"], params["audit"] = "middle", ["random"]
    with (tmp_path / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)
    return tmp_path


def test_a_run_and_a_replay_know_it(home: Path) -> None:
    params = project.check(home)
    assert params.strategy == "middle"
    assert "middle" in shown(params, registry(home / "strategies"))


def test_a_comparison_knows_it(home: Path) -> None:
    from flows import settings

    settings.write(home, None, ["compare.strategies=[middle, random]"])
    project.check_comparison(home, project.check(home))


def test_its_own_parameters_come_from_params_yaml(home: Path) -> None:
    (home / "strategies" / "middle.py").write_text(
        "def middle(pool, *, share: float):\n    return abs(pool.similarity - share)\n"
    )
    with pytest.raises(UserError, match=r"select\.options\.middle\.share: missing"):
        project.check(home)
    from flows import settings

    settings.write(home, None, ["select.options.middle={share: 0.3}"])
    params = project.check(home)
    responses = pd.DataFrame(
        [("p", id_, id_, 1) for id_ in "abc"], columns=["prompt_id", "response_id", "text", "tokens"]
    )
    vectors = pd.DataFrame(
        {"response_id": list("abc"), "vector": [(1.0, 0.0), (0.3, 0.9539392), (0.0, 1.0)]}
    ).assign(vector=lambda frame: frame["vector"].map(np.array))
    pool = candidates(responses, vectors, 7, params.select)
    picked = choose("middle", pool, registry(home / "strategies"), params.select).pairs
    assert pool.similarity[picked].tolist() == [0.3]


def test_a_broken_one_stops_the_run_before_any_work(home: Path) -> None:
    (home / "strategies" / "middle.py").write_text("def middle(pool) return 1\n")
    with pytest.raises(UserError, match=r"middle\.py line 1"):
        project.check(home)


def test_dvc_watches_the_folder_and_git_keeps_it() -> None:
    stages = YAML(typ="safe").load((HOME / "dvc.yaml").read_text())["stages"]
    assert "strategies" in stages["select"]["deps"]
    experiment = YAML(typ="safe").load((HOME / "compare" / "pipeline.yaml").read_text())["stages"]
    assert "strategies" in experiment["picks"]["deps"]
    assert (HOME / "strategies" / "README.md").is_file()
    assert "__pycache__" in (HOME / ".dvcignore").read_text()
