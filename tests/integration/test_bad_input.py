"""Bad input through the real command: one message that names file, row or key and the mend."""

import json
from pathlib import Path

import pytest
from workspace import Workspace, fresh

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

_GOOD = {"prompt": "q", "responses": [{"text": "a", "score": 1}, {"text": "b", "score": 0}]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fresh(tmp_path_factory.mktemp("bad") / "project")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"{not json\n", "not_json"),
        (json.dumps(_GOOD | {"prompt": 3}).encode(), "wrong_type"),
        (json.dumps(_GOOD | {"responses": []}).encode(), "no_responses"),
        ('{"prompt": "\xe9", "responses": []}'.encode("latin-1"), "not_utf8"),
    ],
)
def test_a_file_without_a_usable_row_stops_prepare(project: Workspace, content: bytes, words: str) -> None:
    (project.root / "raw.jsonl").write_bytes(content)
    done = project.run(
        *_stage(project, "prepare", {"prepare.path": "raw.jsonl"}),
    )
    assert done.returncode == 2, done.stdout
    assert words in done.stdout and "raw.jsonl" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (project.root / "data/prepared/prompts.parquet").exists()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("prepare.path=nowhere.jsonl", "nowhere.jsonl does not exist"),
        ("train.beta=-1", "train.beta"),
        ("generate.k=1", "generate.k"),
        ("strategy=closest", "'closest'"),
        ("trian.beta=1", "did you mean 'train'"),
        ("train.bta=1", "did you mean 'beta'"),
        ("train.beta", "expects section.key=value"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(project: Workspace, assignment: str, words: str) -> None:
    path = project.root / "params.yaml"
    before = path.read_text()
    done = project.realign("run", "--set", assignment)
    path.write_text(before)
    assert done.returncode == 2
    assert words in done.stdout and "Traceback" not in done.stdout
    assert not (project.root / "data/prepared/prompts.parquet").exists()


def test_a_prompt_in_both_splits_is_refused(finished: Workspace, tmp_path: Path) -> None:
    import pandas as pd

    from realign.store import artifacts, schemas

    project = finished.copy(tmp_path / "project")
    path = project.root / "data/prepared/prompts.parquet"
    prompts = pd.read_parquet(path)
    first = prompts.index[prompts["split"] == "train"][0]
    other = prompts.index[prompts["split"] == "eval"][0]
    prompts.loc[first, "group"] = prompts.loc[other, "group"]
    path.chmod(0o644)
    path.unlink()
    artifacts.write_table(path, prompts, schemas.PROMPTS)
    assert project.dvc("commit", "-f", "prepare").returncode == 0
    done = project.run(*_module("validate"))
    assert done.returncode == 2 and "leak" in done.stdout and "Traceback" not in done.stdout


def _module(stage: str) -> list[str]:
    return ["python", "-m", "realign.pipeline", stage]


def _stage(project: Workspace, stage: str, values: dict[str, str]) -> list[str]:
    from flows import settings

    settings.write(project.root, "scored", [f"{key}={value}" for key, value in values.items()])
    return _module(stage)
