"""The stage's command: loads, calls, writes, and leaves a status that says what happened."""

import json
import shutil

import pandas as pd
import pytest
from stage_builders import settings
from unit_builders import ROOT, refused

from realign.config import params_file
from realign.config.params import Arm
from realign.errors import LabelsMissing, Transient, UserError, ValidationFailed
from realign.pipeline import declared
from realign.pipeline import runner as stage
from realign.pipeline.table import CODE, EXPERIMENT, STAGES
from realign.store import schemas
from realign.store.artifacts import ARTIFACTS, read_table, write_table
from realign.store.quarantine import Quarantine
from realign.store.tracked import content_digest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in which prepare reads two prompts."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    raw = tmp_path / "data" / "builtin" / "tasks.jsonl"
    raw.parent.mkdir(parents=True)
    rows = [
        {
            "prompt": f"p{i}?",
            "rule": {"task": "arithmetic", "answer": 2, "given": []},
            "responses": [{"text": "a"}, {"text": "b"}],
        }
        for i in range(2)
    ]
    raw.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage.environment, "die_with_parent", lambda: None)
    return tmp_path


def status(project, name="prepare"):
    return json.loads((project / ".work" / f"{name}.status.json").read_text())


def test_a_stage_writes_what_it_promises_and_says_ok(project, capsys):
    assert stage.main(["prepare"]) == 0
    assert status(project) == {"status": "ok"}
    for name in declared.writes("prepare"):
        assert (project / ARTIFACTS[name].path).is_file()
    assert len(read_table(project / ARTIFACTS["given"].path, schemas.GIVEN)) == 4
    tally = json.loads((project / ARTIFACTS["tally_prepare"].path).read_text())
    assert tally["row"] == {"in": 2, "out": 2, "quarantined": {}}
    assert "prepare: 2 rows in, 2 out" in capsys.readouterr().err
    assert (project / ".work" / "provenance" / "prepare.json").is_file()


def test_the_same_stage_twice_writes_the_same_bytes(project):
    def written():
        assert stage.main(["prepare"]) == 0
        return {name: (project / ARTIFACTS[name].path).read_bytes() for name in declared.writes("prepare")}

    assert written() == written()


@pytest.mark.parametrize("kind", [UserError, ValidationFailed, LabelsMissing, Transient])
def test_what_a_person_can_mend_is_said_without_a_traceback(project, monkeypatch, capsys, kind):
    def run(*_):
        raise kind("the file is odd. Mend it", code="file.odd")

    monkeypatch.setattr(declared.module("prepare"), "run", run)
    assert stage.main(["prepare"]) == 2
    assert status(project) == {
        "status": kind.status,
        "code": "file.odd",
        "message": "the file is odd. Mend it",
    }
    said = capsys.readouterr().err
    assert "prepare: the file is odd. Mend it" in said
    assert "Traceback" not in said
    assert not (project / "data" / "prepared").exists()


def test_a_flow_says_the_error_so_the_stage_does_not(project, monkeypatch, capsys):
    def run(*_):
        raise UserError("the file is odd. Mend it", code="file.odd")

    monkeypatch.setattr(declared.module("prepare"), "run", run)
    monkeypatch.setenv(stage.environment.FLOW, "1")
    assert stage.main(["prepare"]) == 2
    assert capsys.readouterr().err == ""
    assert status(project)["message"] == "the file is odd. Mend it"


def test_values_that_it_did_not_use_are_not_recorded_as_its_own(project, monkeypatch):
    """DVC reads params.yaml when the stage has ended, and its run cache would give the result to those values."""
    real = declared.module("prepare").run

    def edit(old, new):
        def run(*arguments):
            outputs = real(*arguments)
            path = project / "params.yaml"
            path.write_text(path.read_text().replace(old, new, 1))
            return outputs

        monkeypatch.setattr(declared.module("prepare"), "run", run)

    edit("seed: ", "seed: 1")
    assert stage.main(["prepare"]) == 2
    assert status(project)["code"] == "params.changed"
    edit("beta: ", "beta: 1")
    assert stage.main(["prepare"]) == 0, "prepare does not read train.beta"


def test_anything_else_is_a_bug_with_its_traceback(project, monkeypatch, capsys):
    def run(*_):
        raise KeyError("x")

    monkeypatch.setattr(declared.module("prepare"), "run", run)
    assert stage.main(["prepare"]) == 1
    assert status(project) == {"status": "bug", "message": "KeyError: 'x'"}
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "this is a bug in realign" in said


def test_a_killed_stage_leaves_the_word_running(project, monkeypatch):
    def run(*_):
        raise SystemExit

    monkeypatch.setattr(declared.module("prepare"), "run", run)
    with pytest.raises(SystemExit):
        stage.main(["prepare"])
    assert status(project) == {"status": "running"}


def test_a_lost_row_is_a_bug_and_nothing_is_written(project, monkeypatch):
    real = declared.module("prepare").run

    def run(*arguments):
        found = real(*arguments)
        tally = Quarantine().tally({"row": 3}, {"row": 2})
        return type(found)(**{**vars(found), "tally_prepare": tally})

    monkeypatch.setattr(declared.module("prepare"), "run", run)
    assert stage.main(["prepare"]) == 1
    assert "3 rows came in" in status(project)["message"]
    assert not (project / "data" / "prepared").exists()


def test_wrong_parameters_stop_a_stage_before_it_reads_anything(project):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("seed:", "sead:", 1))
    assert stage.main(["prepare"]) == 2
    assert "did you mean 'seed'" in status(project)["message"]


def test_an_absent_input_names_itself(project):
    assert stage.main(["embed"]) == 2
    assert status(project, "embed")["message"].startswith(str(project / "data" / "responses.parquet"))
    write_table(
        project / ARTIFACTS["responses"].path,
        pd.DataFrame([], columns=schemas.RESPONSES.names),
        schemas.RESPONSES,
    )
    assert stage.main(["embed"]) == 2
    assert status(project, "embed")["message"].startswith("models/base is not there")


def test_every_stage_says_what_it_reads_and_writes():
    order = (CODE, *STAGES, *EXPERIMENT)
    written = [name for stage_name in order for name in declared.writes(stage_name)]
    assert sorted([*written, "people", "strategies", "source"]) == sorted(ARTIFACTS)
    for position, name in enumerate(order):
        earlier = {out for before in order[:position] for out in declared.writes(before)}
        assert set(declared.reads(name)) - {*declared.FILES, "people", "strategies", "source"} <= earlier, (
            name
        )


def test_a_judge_on_a_hub_may_be_asked_for_too():
    named = {"name": "owner/name", "revision": "abc"}
    changes = {"label.labeler": "scores", "label.reward_model": named, "evaluate.scorer": "reward_model"}
    assert stage._asks_hub(settings("evaluate", changes))


@pytest.mark.parametrize("wanted", ["0", None])
def test_a_run_that_names_nothing_on_a_hub_never_asks_one(project, monkeypatch, wanted):
    import os

    if wanted is None:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", wanted)
    assert stage.main(["prepare"]) == 0
    assert os.environ["HF_HUB_OFFLINE"] == (wanted or "1")


def test_a_run_that_names_a_model_on_a_hub_may_ask_for_it(project, monkeypatch):
    import os

    path = project / "params.yaml"
    text = path.read_text().replace("source: build ", "source: hub ", 1)
    head, _, rest = text.partition("source: hub ")
    rest = rest.replace("name: null", "name: owner/name", 1).replace(
        "revision: null", f"revision: {40 * 'a'}", 1
    )
    path.write_text(head + "source: hub " + rest)
    seen = []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(
        declared.module("base"), "run", lambda *_: seen.append(os.environ.get("HF_HUB_OFFLINE"))
    )
    monkeypatch.setattr(stage, "_read", lambda *_: None)
    stage.main(["base"])
    assert seen == [None] or seen == ["0"]


def arm_rows(*arms):
    rows = [
        {
            "strategy": a,
            "budget": b,
            "seed": s,
            "pair_id": "p",
            "prompt_id": "q",
            "margin": 0.5,
            "correct": 1.0,
        }
        for a, b, s in arms
    ]
    return pd.DataFrame(rows)


def grid(project, **values):
    from flows import settings

    settings.write(project, None, [f"compare.{key}={value}" for key, value in values.items()])
    return params_file.load(project / "params.yaml")


def test_a_table_in_parts_is_written_and_read_by_item_or_whole(project):
    everything = grid(project, strategies="[easy, random]", budgets="[5]", seeds="[1]")
    easy, chance = (Arm(name, 5, 1) for name in ("easy", "random"))
    for one in (easy, chance):
        stage._write(project, ARTIFACTS["arm_margins"], arm_rows(one), one)
    assert (project / "data/compare/arms/easy-5-1/margins.parquet").is_file()
    assert stage._read(project, "arm_margins", "arm", everything, easy)["strategy"].tolist() == ["easy"]
    assert stage._read(project, "arm_margins", "arm", everything, ())["strategy"].tolist() == [
        "easy",
        "random",
    ]
    stage._write(project, ARTIFACTS["arm_margins"], arm_rows(chance), ())
    with refused("artifact.missing", match="easy-5-1"):
        stage._read(project, "arm_margins", "arm", everything, ())


def test_an_item_is_named_on_the_command_line_and_in_the_status(project, capsys):
    assert stage.main(["arm", "--strategy", "easy", "--budget", "5", "--seed", "1"]) == 2
    assert status(project, "arm-easy-5-1")["status"] == "bad_input"
    for wrong in (
        ["arm"],
        ["arm", "--strategy", "easy", "--budget", "x", "--seed", "1"],
        ["prepare", "--seed", "1"],
    ):
        with pytest.raises(SystemExit):
            stage.main(wrong)
    assert "--strategy" in capsys.readouterr().err


def test_under_dvc_a_stage_refuses_an_input_that_is_not_what_was_written(project, monkeypatch, capsys):
    assert stage.main(["prepare"]) == 0
    path = project / ARTIFACTS["prompts"].path
    out = f"{{path: {ARTIFACTS['prompts'].path}, md5: {content_digest(path)}}}"
    (project / "dvc.lock").write_text(f"stages: {{prepare: {{outs: [{out}]}}}}")
    monkeypatch.setenv("DVC_STAGE", "generate")
    prompts = read_table(path, schemas.PROMPTS)
    write_table(path, prompts.iloc[:1], schemas.PROMPTS)
    assert stage.main(["generate"]) == 2
    assert status(project, "generate")["code"] == "artifact.damaged"
    assert "is not what stage prepare wrote" in capsys.readouterr().err
    monkeypatch.delenv("DVC_STAGE")
    assert stage.main(["generate"]) == 2
    assert status(project, "generate")["code"] == "artifact.missing", "by hand, the model is what lacks"
