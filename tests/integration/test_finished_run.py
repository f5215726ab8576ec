"""What a finished run leaves, and what the next one does."""

import json
import re
from pathlib import Path

import pytest
from workspace import Workspace, fresh, stages_run

from realign.pipeline.runner import STAGES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]


@pytest.fixture(scope="module")
def project(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return finished.copy(tmp_path_factory.mktemp("next") / "project")


def test_run_ends_with_the_table_and_the_reports_path(finished: Workspace) -> None:
    output = (finished.root.parent / "output.txt").read_text()
    assert stages_run(output) == list(STAGES)
    for figure in (
        "win_rate",
        "pair_accuracy",
        "reward_margin",
        "label_error of easy",
        "label_error of hard",
    ):
        assert figure in output
    report = Path(re.search(r"report: (\S+)", output)[1])
    assert report.is_file() and report.read_text().startswith("<!doctype html>")


def test_gates_leave_data_docs_for_people(finished: Workspace) -> None:
    index = (finished.root / "reports" / "data_docs" / "index.html").read_text()
    assert all(name in index for name in ("responses-rows", "pairs-whole", "preferences-whole"))


def test_every_stage_accounts_for_every_row(finished: Workspace) -> None:
    for stage in ("prepare", "generate", "select", "validate", "label"):
        tally = json.loads((finished.root / f"reports/tally/{stage}.json").read_text())
        for unit, row in tally.items():
            assert row["in"] == row["out"] + sum(row["quarantined"].values()), (stage, unit)


def test_dvc_repro_from_clean_gives_the_same_lock(finished: Workspace, tmp_path: Path) -> None:
    other = fresh(tmp_path / "project")
    (other.root / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    done = other.dvc("repro")
    assert done.returncode == 0, done.stdout[-3000:]
    assert (other.root / "dvc.lock").read_text() == (finished.root / "dvc.lock").read_text()


def test_second_run_runs_nothing(project: Workspace) -> None:
    before, started = project.lock(), project.stages_started()
    done = project.realign("run", "--profile", "ci")
    assert done.returncode == 0 and stages_run(done.stdout) == []
    assert "win_rate" in done.stdout
    assert project.stages_started() == started, "a stage was started"
    assert project.lock() == before


def test_comment_in_params_reruns_nothing(project: Workspace) -> None:
    path = project.root / "params.yaml"
    text = path.read_text()
    path.write_text("# another comment\n" + text)
    assert "all stages are up to date" in project.realign("status").stdout
    path.write_text(text)


def test_changed_beta_reruns_train_evaluate_and_report_alone(project: Workspace) -> None:
    done = project.realign("run", "--set", "train.beta=0.2")
    assert done.returncode == 0, done.stdout[-3000:]
    assert stages_run(done.stdout) == ["train", "evaluate", "report"]
    diff = project.dvc("metrics", "diff", "--json")
    assert json.loads(diff.stdout[diff.stdout.index("{") :])["reports/metrics.json"]["beta"]["new"] == 0.2
    assert project.dvc("plots", "diff", "--json").returncode == 0


def test_status_names_what_is_stale_and_why(finished: Workspace, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    settings = project.root / "params.yaml"
    settings.write_text(settings.read_text().replace("beta: 0.3 ", "beta: 0.4 "))
    (project.root / "data" / "embeddings.parquet").unlink()
    said = project.realign("status").stdout
    assert "parameter train.beta changed from 0.3 to 0.4" in said
    assert "output data/embeddings.parquet missing" in said
    assert "prepare: up to date" in said


def test_from_refuses_to_stand_on_stale_stages(finished: Workspace, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    done = project.realign("run", "--set", "generate.temperature=0.9", "--from", "train")
    assert done.returncode == 2
    assert "generate is stale and comes before train" in done.stdout


def test_exports_have_the_fields_formats(finished: Workspace, tmp_path: Path) -> None:
    counts = {}
    for name in ("trl", "jsonl", "alpaca-eval"):
        path = tmp_path / name
        assert finished.realign("export", "--to", name, str(path)).returncode == 0
        text = path.read_text()
        rows = json.loads(text) if name == "alpaca-eval" else [json.loads(line) for line in text.splitlines()]
        counts[name] = len(rows)
        wanted = {
            "trl": {"prompt", "chosen", "rejected"},
            "jsonl": {"pair_id", "messages", "chosen", "rejected", "p_chosen"},
            "alpaca-eval": {"instruction", "output", "generator"},
        }[name]
        assert wanted <= set(rows[0])
    assert counts["trl"] == counts["jsonl"] > 20 and counts["alpaca-eval"] > 10
    again = finished.realign("export", "--to", "trl", str(tmp_path / "trl"))
    assert again.returncode == 2 and "exists already" in again.stdout


def test_doctor_finds_nothing_wrong(finished: Workspace) -> None:
    done = finished.realign("doctor")
    assert done.returncode == 0, done.stdout
    assert "ok   Prefect server" in done.stdout
