"""CONTRIBUTING.md's stage runs, and one command enters it into dvc.yaml, with no other line changed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from realign.store import artifacts, schemas

HOME = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the source and the pipeline with the worked example dropped in."""
    for name in ("src", "compare", "dvc.yaml", "params.yaml"):
        source = HOME / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    text = (HOME / "CONTRIBUTING.md").read_text()
    example = re.search(
        r"`(src/realign/pipeline/stages/lengths\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL
    )
    assert example
    (tmp_path / example[1]).write_text(example[2])
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_command_enters_a_stage_that_was_dropped_in(project: Path) -> None:
    done = run(project, "realign.pipeline.write")
    assert done.returncode == 0, done.stderr
    stages = YAML(typ="safe").load((project / "dvc.yaml").read_text())["stages"]
    entry = stages["lengths"]
    assert entry["cmd"] == "python -m realign.pipeline lengths"
    assert entry["deps"] == ["data/responses.parquet", "data/code/lengths.txt"]
    assert entry["params"] == ["generate.max_new_tokens"] and entry["outs"] == ["reports/lengths.json"]
    assert list(stages).index("lengths") > list(stages).index("generate")
    responses = pd.DataFrame(
        [("p", id_, 0, "text", "policy", "stop", tokens) for id_, tokens in (("a", 4), ("b", 8))],
        columns=schemas.RESPONSES.names,
    )
    artifacts.write_table(project / "data" / "responses.parquet", responses, schemas.RESPONSES)
    done = run(project, "realign.pipeline", "lengths")
    assert done.returncode == 0, done.stderr
    assert json.loads((project / "reports" / "lengths.json").read_text()) == {"at_most": 48, "mean": 6.0}
