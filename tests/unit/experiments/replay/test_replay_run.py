"""From a file to figures and a page: annotators, own strategies, cached embeddings, clear refusals."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scored_data import write
from unit_builders import raw_params

from realign.config import params_file
from realign.errors import UserError
from realign.experiments.replay import data as reading
from realign.experiments.replay import vectors as embedding
from realign.experiments.replay.run import Request, run, shown
from realign.models.embedders import packaged as packages
from realign.report import replay_page
from realign.selection import registry

PARAMS = params_file.check(raw_params())


def asked(path, **changes):
    given = {
        "data": path,
        "strategies": ("easy", "margin"),
        "k": None,
        "draws": 2,
        "budget": None,
        "pilot": 20,
        "pilot_by": None,
        "pilot_round": None,
        "encoder": "hidden_state",
        "annotator": "one",
        "second": None,
        "seed": 3,
    }
    return Request(**(given | changes))


@pytest.fixture
def project(tmp_path, tiny_folder):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "base").symlink_to(tiny_folder)
    return tmp_path


def test_a_file_becomes_figures_and_a_page_that_opens_offline(project):
    path = write(project / "mine.jsonl.gz")
    (project / "strategies").mkdir()
    (project / "strategies" / "short.py").write_text(
        '"""short"""\ndef short(pool):\n    return pool.tokens[pool.first] + pool.tokens[pool.second]\n'
    )
    found = run(project, PARAMS, asked(path, strategies=None))
    assert {"short", "easy", "margin", "random"} <= set(found["strategies"])
    assert not {"implicit_margin", "implicit_margin_small"} & set(found["strategies"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["data"]["second"] == "two" and found["data"]["prompts"] == 60
    page = replay_page.render(found)
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!#)', page)
    assert page.count("<svg") == 4
    assert found["conclusion"]["sentences"][0] in page.replace("&#39;", "'")
    assert run(project, PARAMS, asked(path, strategies=None)) == found


def test_hostile_names_stay_text(project):
    path = write(project / "<img src=x>.jsonl.gz", annotators=("<b>one", "two"), prompts=30)
    page = replay_page.render(run(project, PARAMS, asked(path, annotator="<b>one", strategies=("easy",))))
    assert "<img src=x>" not in page and "<b>one" not in page


def test_embeddings_are_computed_once(project, monkeypatch):
    path = write(project / "mine.jsonl.gz", prompts=30)
    first = run(project, PARAMS, asked(path))
    monkeypatch.setattr(embedding, "EMBEDDERS", {})
    assert run(project, PARAMS, asked(path)) == first


def read(path, **who):
    return reading.read(path, PARAMS, **({"annotator": None, "second": None} | who))


def test_annotators_are_found_or_asked_for(tmp_path):
    path = write(tmp_path / "x.jsonl.gz", annotators=("score", "gpt"))
    found = read(path)
    assert (found.annotator, found.checker) == ("score", "gpt")
    assert read(path, second="none").second is None
    three = write(tmp_path / "y.jsonl.gz", annotators=("a", "b", "c"))
    for who, words in (
        ({}, r"several annotators scored it \(a, b, c\).*--annotator"),
        ({"annotator": "a"}, "besides 'a' there are b, c.*--second"),
        ({"annotator": "x"}, "--annotator 'x'.*a, b, c"),
        ({"annotator": "a", "second": "a"}, "must come from another annotator"),
    ):
        with pytest.raises(UserError, match=words):
            read(three, **who)
    with pytest.raises(UserError, match="no response has a score"):
        read(write(tmp_path / "z.jsonl.gz", annotators=()))


def test_one_annotator_under_two_names_is_no_second_opinion():
    one = pd.Series([0.1, 0.2, np.nan], index=list("abc"))
    scores = pd.DataFrame(
        {"score": one, "gpt": one, "human": one + np.array([0.1, -0.1, 0.0])}, index=list("abc")
    )
    assert reading._annotators(scores, "f", None, None, "score") == ("score", "human")


def test_scores_between_0_and_1_compare_in_logits_and_tie_as_they_came(tmp_path):
    rows = {
        "prompt": "Q",
        "responses": [{"text": t, "score": s} for t, s in zip("abcd", (0.0, 1e-6, 0.5, 1.0), strict=True)],
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(rows) + "\n")
    found = read(tmp_path / "p.jsonl")
    assert found.scale == "logit"
    assert sorted(found.quality.round(2)) == [-11.51, -11.51, 0.0, 11.51]
    assert sorted(found.score) == [0.0, 1e-6, 0.5, 1.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategies": ("esay",)}, "no strategy 'esay'"),
        ({"strategies": ("mix", "easy")}, r"mix: has no parts; name them in select\.mix"),
        ({"strategies": ()}, "--strategies names none"),
        ({"pilot_by": "esay"}, r"--pilot-by: there is no strategy 'esay'"),
        ({"encoder": "nowhere"}, "--encoder 'nowhere' is no folder"),
        (
            {"strategies": ("easy", "implicit_margin", "implicit_margin_small")},
            r"^implicit_margin, implicit_margin_small: .* no policy.*rewards\.reward=base",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused(project, changes, words):
    with pytest.raises(UserError, match=words):
        run(project, PARAMS, asked(write(project / "mine.jsonl.gz", prompts=30), **changes))


def test_a_mixture_that_picks_by_rewards_is_left_out_unless_it_is_named(project):
    for part, there in (("hard", True), ("implicit_margin", False)):
        raw = raw_params()
        raw["select"]["mix"] = {"easy": 0.5, part: 0.5}
        assert ("mix" in shown(params_file.check(raw), registry())) == there
    with pytest.raises(UserError, match=r"^mix: picks by a policy's own reward"):
        run(
            project,
            params_file.check(raw),
            asked(write(project / "mine.jsonl.gz", prompts=30), strategies=("mix",)),
        )


def test_hidden_states_need_the_base(tmp_path):
    with pytest.raises(UserError, match="--until base"):
        run(tmp_path, PARAMS, asked(write(tmp_path / "mine.jsonl.gz", prompts=30)))


def test_a_packaged_encoder_is_checked_by_its_content(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no packaged encoder 'x'"):
        packages.packaged("x")
    package = packages.Package("carried_encoder", "extra", "model", "0" * 64)
    monkeypatch.setitem(packages.PACKAGES, "carried", package)
    with pytest.raises(UserError, match=r"pip install -e '\.\[extra\]'"):
        packages.packaged("carried")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "carried_encoder" / "model").mkdir(parents=True)
    (tmp_path / "carried_encoder" / "__init__.py").write_text("")
    with pytest.raises(UserError, match="holds no model"):
        packages.packaged("carried")
    (tmp_path / "carried_encoder" / "model" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="not the model that its name says"):
        packages.packaged("carried")
    right = packages.Package("carried_encoder", "extra", "model",
                             "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa")  # fmt: skip
    monkeypatch.setitem(packages.PACKAGES, "carried", right)
    assert packages.packaged("carried") == tmp_path / "carried_encoder" / "model"
