"""What failed validation cannot reach training, whoever runs the stage and however."""

from pathlib import Path

import pandas as pd
import pytest
from workspace import Workspace

from realign.store import artifacts, schemas

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

_PAIRS = "data/pairs.parquet"


@pytest.fixture
def poisoned(finished: Workspace, tmp_path: Path) -> Workspace:
    """A finished project whose pairs table was replaced by a bad one that DVC takes for genuine."""
    project = finished.copy(tmp_path / "project")
    path = project.root / _PAIRS
    pairs = pd.read_parquet(path)
    train = pairs["purpose"] == "train"
    pairs.loc[train, "response_b"] = "0" * 20
    path.chmod(0o644)
    path.unlink()
    artifacts.write_table(path, pairs, schemas.PAIRS)
    assert project.dvc("commit", "-f", "select").returncode == 0
    for made in ("models/adapter",):
        for file in (project.root / made).iterdir():
            file.unlink()
        (project.root / made).rmdir()
    return project


def test_no_way_of_running_passes_the_pairs_gate(poisoned: Workspace) -> None:
    by_flow = poisoned.realign("run")
    assert by_flow.returncode == 2
    assert "pairs gate refused" in by_flow.stdout and "unknown_response" in by_flow.stdout
    assert "Traceback" not in by_flow.stdout
    by_dvc = poisoned.dvc("repro")
    assert by_dvc.returncode != 0 and "pairs gate refused" in by_dvc.stdout
    alone = poisoned.dvc("repro", "-s", "train")
    assert alone.returncode != 0
    assert not (poisoned.root / "models" / "adapter").exists()
    assert not (poisoned.root / "data/validated/train.parquet").exists()
    assert (poisoned.root / "reports/failures/pairs.json").is_file()


def test_changed_preferences_are_refused_at_the_door_of_train(finished: Workspace, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    path = project.root / "data/preferences.parquet"
    preferences = pd.read_parquet(path)
    preferences["pair_id"] = [f"{n:020x}" for n in range(len(preferences))]
    path.chmod(0o644)
    path.unlink()
    artifacts.write_table(path, preferences, schemas.PREFERENCES)
    unrecorded = project.dvc("repro", "-s", "train")
    assert unrecorded.returncode != 0 and "data/preferences.parquet" in unrecorded.stdout
    assert project.dvc("commit", "-f", "label").returncode == 0
    done = project.dvc("repro", "-s", "train")
    assert done.returncode != 0 and "not_validated" in done.stdout
    assert not (project.root / "models" / "adapter").exists()


def test_mended_project_runs_on(poisoned: Workspace) -> None:
    assert poisoned.realign("run").returncode == 2
    forced = poisoned.dvc("repro", "-s", "-f", "select")
    assert forced.returncode == 0
    done = poisoned.realign("run")
    assert done.returncode == 0, done.stdout[-2000:]
    assert not (poisoned.root / "reports/failures/pairs.json").exists()
