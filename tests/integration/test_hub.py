"""Models and data sets of the hub, from a prepared local cache, with the hub switched off."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from fake_hub_cache import REVISION, cached
from workspace import Workspace, fresh

from flows import settings
from realign.config.params import Architecture
from realign.models.tiny import build_model, build_tokenizer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

_TINY = Architecture(
    vocab_size=300, hidden_size=32, intermediate_size=64, layers=1, heads=2, max_positions=256
)


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    workspace = fresh(tmp_path / "project")
    home = tmp_path / "hf"
    workspace.environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    workspace.warm = False  # where the cache lies is read once, by an import
    rows = [
        {
            "prompt": f"question {n}",
            "responses": [{"text": f"yes {n}", "score": 1}, {"text": "no", "score": 0}],
        }
        for n in range(40)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (cached(home, "datasets", "acme/pairs") / "train.jsonl").write_text(lines)
    tokenizer = build_tokenizer([f"question {n} yes no" for n in range(9)], _TINY.vocab_size)
    model = cached(home, "models", "acme/tiny")
    build_model(_TINY, tokenizer, 1).save_pretrained(model)
    tokenizer.save_pretrained(model)
    return workspace


def _stage(project: Workspace, name: str, *values: str) -> subprocess.CompletedProcess[str]:
    settings.write(project.root, "ci", values)
    return project.run("python", "-m", "realign.pipeline", name)


_DATA = (
    "prepare.source=hub",
    "prepare.path=data/no-file",
    "prepare.hub.name=acme/pairs",
    f"prepare.hub.revision={REVISION}",
    "prepare.max_prompts=null",
    "generate.mode=given",
    "label.labeler=scores",
    "evaluate.scorer=score_head",
)
_MODEL = ("base.source=hub", "base.model.name=acme/tiny", f"base.model.revision={REVISION}")


def test_data_set_and_model_come_from_the_cache(project: Workspace) -> None:
    done = _stage(project, "prepare", *_DATA)
    assert done.returncode == 0, done.stdout
    assert len(pd.read_parquet(project.root / "data/prepared/prompts.parquet")) == 40
    done = _stage(project, "base", *_DATA, *_MODEL)
    assert done.returncode == 0, done.stdout
    assert (project.root / "models/base/model.safetensors").is_file()
    done = _stage(project, "generate", *_DATA, *_MODEL)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("stage", "value", "key"),
    [
        ("prepare", "prepare.hub.name=acme/unknown", "prepare.hub"),
        ("prepare", f"prepare.hub.revision={40 * 'f'}", "prepare.hub"),
        ("base", "base.model.name=acme/unknown", "base.model"),
        ("base", "base.model.name=no such name", "base.model"),
    ],
)
def test_an_unknown_name_gives_one_clear_line(project: Workspace, stage: str, value: str, key: str) -> None:
    assert _stage(project, "prepare", *_DATA).returncode == 0
    done = _stage(project, stage, *_DATA, *_MODEL, value)
    assert done.returncode == 2
    said = [line for line in done.stdout.splitlines() if line.strip()]
    assert len(said) == 1 and key in said[0] and value.split("=")[1] in said[0]


def test_pickled_weights_are_refused(project: Workspace) -> None:
    assert _stage(project, "prepare", *_DATA).returncode == 0
    folder = next((project.root.parent / "hf/hub/models--acme--tiny/snapshots").iterdir())
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    done = _stage(project, "base", *_DATA, *_MODEL)
    assert done.returncode == 2 and "safetensors" in done.stdout
