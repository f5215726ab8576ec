"""Files in the shapes that people have, from the command line to figures: docs/data.md's commands, and a run."""

import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner
from workspace import HOME, Workspace, fresh

sys.path.insert(0, str(HOME / "tests/unit/data"))
from raw_shapes import ROWS, trl_messages

from flows.cli import app
from realign.config import params_file
from realign.data import export

pytestmark = pytest.mark.integration

_ROW = re.compile(r"^\| .*\(`(\w+)`\) \| `realign (replay .*)` \|$", re.MULTILINE)
COMMANDS = _ROW.findall((HOME / "docs/data.md").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a tiny base policy, whose hidden states are the vectors."""
    from realign.models.tiny import build_model, build_tokenizer

    root: Path = tmp_path_factory.mktemp("shapes")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(HOME / name, root / name)
    architecture = params_file.load(root / "params.yaml").base.build
    tokenizer = build_tokenizer([json.dumps(make(1)) for forms in ROWS.values() for make in forms], 400)
    model = build_model(
        architecture.model_copy(update={"hidden_size": 32, "intermediate_size": 64, "layers": 1}),
        tokenizer,
        0,
    )
    model.save_pretrained(root / "models/base")
    tokenizer.save_pretrained(root / "models/base")
    return root


def written(path: Path, rows: list[dict[str, object]]) -> None:
    """Rows in the format that the file's name says."""
    if path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    elif path.suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def forms() -> Iterator[object]:
    """Each command with each form of its shape that the file format can hold."""
    for shape, command in COMMANDS:
        for make in ROWS[shape]:
            name = command.split()[1]
            plain = all(isinstance(value, str) for value in make(1).values())
            if plain or not name.endswith(".csv"):
                yield pytest.param(shape, command, make, id=f"{name}-{make.__name__}")


def test_ten_public_data_sets_have_a_command() -> None:
    assert len(COMMANDS) >= 10
    assert {shape for shape, _ in COMMANDS} == ROWS.keys() - {"multi"}


@pytest.mark.parametrize(("shape", "command", "make"), forms())
def test_one_command_from_a_file_to_a_replay(
    project: Path, monkeypatch: pytest.MonkeyPatch, shape: str, command: str, make
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "160")
    words = command.replace("--encoder minilm", "--encoder hidden_state").split()
    written(project / words[1], [make(number) for number in range(60)])
    more = ["--draws", "2", "--strategies", "easy,hard", "--json", "out.json"]
    done = CliRunner().invoke(app, [*words, *more])
    assert done.exit_code == 0, done.output[-2000:] + repr(done.exception)
    result = json.loads((project / "out.json").read_text())
    assert result["data"]["shape"] == shape
    assert f"read as {shape}" in done.output
    assert result["data"]["prompts"] == (30 if shape == "helpsteer2" else 60)
    assert result["data"]["set_aside"].keys() <= {"no_score"}


def test_what_cannot_be_replayed_is_one_message(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    rows = [
        {"prompt": [{"role": "user", "content": "q"}, call], "responses": [{"text": "a", "score": 1}]}
    ] * 24
    written(project / "tools.jsonl", rows)
    (project / "wide.jsonl").write_bytes(json.dumps(rows).encode("utf-16"))
    for name, words in (("tools.jsonl", "24 tool_calls"), ("wide.jsonl", "is UTF-16")):
        done = CliRunner().invoke(app, ["replay", name, "--encoder", "hidden_state"])
        assert done.exit_code == 2 or words in str(done.exception)
        assert words in done.output + str(done.exception)


_SMALL = (
    "base.build.vocab_size=320", "base.build.hidden_size=32", "base.build.intermediate_size=64",
    "base.build.layers=1", "base.build.heads=2", "base.pretrain.steps=8", "generate.max_new_tokens=8",
    "validate.min_rows=5", "train.epochs=1.0", "train.checkpoint_every=4", "evaluate.resamples=200",
)  # fmt: skip


@pytest.mark.usefixtures("on_a_server")
def test_labeled_pairs_become_preferences_whose_export_reads_back(tmp_path: Path) -> None:
    project: Workspace = fresh(tmp_path / "project")
    rows = [trl_messages(number) for number in range(80)]
    written(project.root / "mine.parquet", rows)
    changes = (
        "prepare.source=auto",
        "prepare.path=mine.parquet",
        "label.annotator=label",
        "select.budget=30",
        *_SMALL,
    )
    done = project.realign(
        "run", "--until", "label", "--profile", "hh", *(word for c in changes for word in ("--set", c))
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "the rows look like 'trl' data" in done.stdout
    labels = pd.read_parquet(project.root / "data/labels.parquet")
    assert set(labels["labeler"]) == {"scores: label"}
    preferences = pd.read_parquet(project.root / "data/preferences.parquet")
    assert preferences["chosen"].str.startswith("Change the washer").all()
    exported = tmp_path / "back.jsonl"
    assert export.write(project.root, "trl", exported) == len(preferences)
    assert all(json.loads(line) in rows for line in exported.read_text().splitlines())
