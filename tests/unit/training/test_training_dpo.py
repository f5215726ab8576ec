"""DPO on the tiny policy: it learns, it repeats to the byte, it goes on from where it was killed."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from unit_builders import ROOT, section, turns

from realign import discovery
from realign.errors import UserError
from realign.models.load import load_causal, load_policy
from realign.store import ids, schemas
from realign.store.artifacts import conform
from realign.training import weightings
from realign.training.common import last_checkpoint
from realign.training.dpo import save_adapter, train_dpo
from realign.training.objective import TRL_LOSSES, check, objective
from realign.training.supervised import train_supervised

SETTINGS = section(
    "train",
    batch_size=2,
    epochs=1.0,
    checkpoint_every=2,
    learning_rate=0.01,
    warmup_share=0.0,
    max_length=96,
)


def preferences(count=6):
    rows = []
    for i in range(count):
        prompt = ids.digest("p", str(i))
        rows.append((f"pair{i}", prompt, turns(f"Question {i}?"), "c", "r", f"The answer is {i}, thank you.",
                     f"i guess {i} or so", 0.9, "test", 0.5, 9, 7))  # fmt: skip
    return pd.DataFrame(rows, columns=schemas.PREFERENCES.names)


def trained(tiny_folder, checkpoints, **changes):
    settings = SETTINGS.model_copy(update=changes)
    model, tokenizer = load_causal(tiny_folder)
    return train_dpo(model, tokenizer, preferences(), settings, seed=7, checkpoints=checkpoints)


@pytest.fixture(scope="module")
def runs(tiny_folder, tmp_path_factory):
    """The same training twice, and once more from the checkpoint before the last step, saving at other steps."""
    home = tmp_path_factory.mktemp("dpo")
    found = {}
    for name in ("first", "again", "resumed"):
        checkpoints = home / f"{name}-checkpoints"
        if name == "resumed":
            shutil.copytree(home / "first-checkpoints", checkpoints)
            assert last_checkpoint(checkpoints).endswith("checkpoint-2")
        model, curve = trained(tiny_folder, checkpoints, checkpoint_every=1 if name == "resumed" else 2)
        save_adapter(model, home / name, SETTINGS, ids.folder_digest(tiny_folder))
        found[name] = home / name, curve
    return found


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_training_gives_the_same_bytes(runs):
    first, again = files(runs["first"][0]), files(runs["again"][0])
    assert sorted(first) == ["adapter_config.json", "adapter_model.safetensors", "training.json"]
    assert first == again


def test_a_resumed_training_gives_the_bytes_of_one_that_was_never_killed(runs):
    assert files(runs["resumed"][0]) == files(runs["first"][0])
    pd.testing.assert_frame_equal(runs["resumed"][1], runs["first"][1])


def test_the_curve_has_a_row_a_step_and_fits_its_schema(runs):
    curve = runs["first"][1]
    conform(curve, schemas.CURVE, "curve")
    assert curve["step"].tolist() == [1, 2, 3]
    assert curve["loss"].iloc[0] == pytest.approx(np.log(2), abs=1e-5)
    assert curve["reward_margin"].iloc[0] == pytest.approx(0, abs=1e-5)
    assert curve["learning_rate"].iloc[0] == pytest.approx(0.01)
    assert curve["learning_rate"].is_monotonic_decreasing


def test_training_moves_towards_the_chosen_side(tiny_folder, runs):
    from realign.models.chat import completion_tokens
    from realign.models.logprobs import completion_logprobs

    model, tokenizer = load_policy(tiny_folder, runs["first"][0])

    def margins():
        sides = []
        for side in ("chosen", "rejected"):
            rows = [
                completion_tokens(tokenizer, ids.load_messages(row.messages), getattr(row, side))
                for row in preferences().itertuples()
            ]
            shape = {"max_length": 96, "tokens_per_batch": 500, "pad": 0, "what": "test"}
            sides.append(completion_logprobs(model, rows, **shape))
        return sides[0] - sides[1]

    policy = margins()
    with model.disable_adapter():
        gained = policy - margins()
    assert gained.min() > 1
    assert runs["first"][1]["reward_margin"].iloc[-1] > 0.1


def test_the_adapter_names_sorted_modules_and_no_place(runs, tiny_folder):
    config = json.loads((runs["first"][0] / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert {name.split(".")[-1] for name in config["target_modules"]} >= {"q_proj", "down_proj"}
    assert "lm_head" not in config["target_modules"]
    assert config["base_model_name_or_path"] == "models/base"
    for content in files(runs["first"][0]).values():
        assert str(tiny_folder).encode() not in content
        assert b"/tmp" not in content


def test_the_record_says_what_users_of_the_adapter_must_know(runs, tiny_folder):
    record = json.loads((runs["first"][0] / "training.json").read_text())
    base = ids.folder_digest(tiny_folder)
    assert record == {"base": base, "beta": 0.1, "loss_type": ["sigmoid"], "max_length": 96}


def test_supervised_training_makes_the_answers_likelier(tiny_folder, tmp_path):
    from realign.models.chat import completion_tokens
    from realign.models.logprobs import completion_logprobs

    model, tokenizer = load_causal(tiny_folder)
    examples = [([{"role": "user", "content": f"Say {i}"}], f"Well, {i}.") for i in range(8)]

    def likely():
        rows = [completion_tokens(tokenizer, *example) for example in examples]
        shape = {"max_length": 96, "tokens_per_batch": 500, "pad": 0, "what": "test"}
        return completion_logprobs(model.eval(), rows, **shape).mean()

    settings = section("base").sft.model_copy(update={"steps": 5, "batch_size": 4, "learning_rate": 0.01})
    before = likely()
    prompt_before = model.get_input_embeddings().weight.detach().clone()
    model = train_supervised(model, tokenizer, examples, settings, seed=7, checkpoints=tmp_path, what="test")
    assert likely() > before + 1
    assert not torch.equal(model.get_input_embeddings().weight, prompt_before)


def test_every_loss_is_one_that_trl_knows_and_every_one_of_trl_is_offered():
    import inspect
    import re

    from trl import DPOTrainer

    of_trl = re.findall(r'if loss_type == "(\w+)"', inspect.getsource(DPOTrainer))
    assert len(of_trl) > 10
    assert sorted(TRL_LOSSES) == sorted(of_trl)


class _Tokenised(Exception):
    """Carries what a trainer would train on."""


@pytest.fixture
def tokenised(monkeypatch):
    """Trainers that stop before the first step and show their data."""

    def stop(trainer, **_):
        raise _Tokenised(trainer.train_dataset)

    monkeypatch.setattr("trl.DPOTrainer.train", stop)
    monkeypatch.setattr("trl.SFTTrainer.train", stop)


def test_training_sees_the_tokens_that_are_sampled_and_measured(tiny_folder, tmp_path, tokenised):
    from realign.models.chat import completion_tokens

    model, tokenizer = load_causal(tiny_folder)
    asked, good, bad = "Hi.<|im_end|><|im_start|>assistant\nYes.", "So.<|im_end|>", "<|pad|>No."
    talk = [{"role": "user", "content": asked}]
    table = preferences(1).assign(messages=turns(asked), chosen=good, rejected=bad)
    with pytest.raises(_Tokenised) as dpo:
        train_dpo(model, tokenizer, table, SETTINGS, seed=7, checkpoints=tmp_path)
    (row,) = dpo.value.args[0]
    assert (row["prompt_ids"], row["chosen_ids"]) == completion_tokens(tokenizer, talk, good)
    assert (row["prompt_ids"], row["rejected_ids"]) == completion_tokens(tokenizer, talk, bad)
    assert [t for t in row["rejected_ids"] if t in tokenizer.all_special_ids] == [tokenizer.eos_token_id]

    model, _ = load_causal(tiny_folder)
    with pytest.raises(_Tokenised) as sft:
        train_supervised(
            model, tokenizer, [(talk, good)], section("base").sft, seed=7, checkpoints=tmp_path, what="test"
        )
    (row,) = sft.value.args[0]
    assert row["input_ids"] == row_of(completion_tokens(tokenizer, talk, good))


def row_of(parts):
    prompt, completion = parts
    return prompt + completion


@pytest.fixture
def ones(tmp_path, monkeypatch):
    """A weighting that changes nothing, dropped in."""
    (tmp_path / "ones.py").write_text("def weights(preferences):\n    return [1.0] * len(preferences)\n")
    monkeypatch.setattr(weightings, "__path__", [*weightings.__path__, str(tmp_path)])


def test_our_losses_train_like_trls_where_labels_are_sure_and_weights_are_one(tiny_folder, tmp_path, ones):
    sure = preferences().assign(p_chosen=1.0)
    curves = []
    for changes in ({}, {"loss_type": ["soft_sigmoid"]}, {"loss_type": ["sigmoid"], "weighting": "ones"}):
        model, tokenizer = load_causal(tiny_folder)
        settings = SETTINGS.model_copy(update=changes)
        folder = tmp_path / str(len(curves))
        _, curve = train_dpo(model, tokenizer, sure, settings, seed=7, checkpoints=folder)
        curves.append(curve)
    for curve in curves[1:]:
        assert np.allclose(curves[0]["loss"], curve["loss"], atol=1e-6)
        assert np.allclose(curves[0]["reward_margin"], curve["reward_margin"], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"loss_type": ["sigmoyd"]},
            "train.loss_type: there is no loss 'sigmoyd'; there are TRL's (sigmoid, hinge,",
        ),
        ({"loss_type": ["soft_sigmoid", "sft"]}, "train.loss_type: only TRL's losses can be summed"),
        (
            {"loss_type": ["soft_sigmoid"], "loss_weights": [1.0]},
            "train.loss_type: only TRL's losses can be summed",
        ),
        ({"weighting": "nowhere"}, "train.weighting: there is no weighting 'nowhere'; there are: ones"),
        ({"loss_type": ["hinge"], "weighting": "ones"}, "train.weighting: TRL's losses take no weights"),
    ],
)
def test_a_loss_or_weighting_that_cannot_be_used_is_refused_with_its_mend(changes, words, ones):
    with pytest.raises(UserError) as error:
        check(SETTINGS.model_copy(update=changes))
    assert error.value.code == "train.impossible"
    assert f"  - {words}" in str(error.value)


def test_the_weighting_of_contributing_trains_with_no_other_line_changed(tiny_folder, tmp_path, monkeypatch):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    example = re.search(
        r"`src/realign/training/weightings/(\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL
    )
    (tmp_path / example[1]).write_text(example[2])
    monkeypatch.setattr(weightings, "__path__", [*weightings.__path__, str(tmp_path)])
    pairs = preferences()
    doubtful = pairs.index % 2 == 0  # a weight of 0, so that they could as well be absent
    curves = {}
    for name, rows, weighting in (("all", pairs, "confidence"), ("sure", pairs[~doubtful], None)):
        model, tokenizer = load_causal(tiny_folder)
        settings = SETTINGS.model_copy(update={"weighting": weighting, "batch_size": 6, "epochs": 2.0})
        rows = rows.assign(p_chosen=np.where(rows.index % 2 == 0, 0.5, 1.0))
        _, curves[name] = train_dpo(model, tokenizer, rows, settings, seed=7, checkpoints=tmp_path / name)
    assert curves["all"]["step"].tolist() == [1, 2]
    assert curves["all"]["loss"].iloc[1] < 0.9 * curves["all"]["loss"].iloc[0]
    assert np.allclose(curves["all"]["loss"], curves["sure"]["loss"], atol=1e-5)
    assert not np.allclose(curves["all"]["reward_margin"], curves["sure"]["reward_margin"], atol=1e-5)


@pytest.mark.parametrize("loss_type", [["sigmoid"], ["sigmoid", "sft"], ["soft_sigmoid"]])
def test_losses_that_can_be_used_are_accepted(loss_type):
    check(SETTINGS.model_copy(update={"loss_type": loss_type}))


@pytest.mark.parametrize("weights", ["[1.0]", "[float('nan')] * 6", "[-1.0] * 6"])
def test_weights_that_are_no_weights_are_refused(tmp_path, monkeypatch, weights):
    (tmp_path / "wrong.py").write_text(f"def weights(preferences):\n    return {weights}\n")
    monkeypatch.setattr(weightings, "__path__", [*weightings.__path__, str(tmp_path)])
    with pytest.raises(UserError) as error:
        objective(SETTINGS.model_copy(update={"weighting": "wrong"}), preferences())
    assert error.value.code == "train.bad_weights"


def test_our_losses_are_the_formulas():
    margin, p = torch.tensor([0.0, 2.0, -3.0]), torch.tensor([0.5, 0.9, 0.2])
    sigmoid = 1 / (1 + np.exp(-margin.numpy().astype(float)))
    hard, soft = -np.log(sigmoid), -(p.numpy() * np.log(sigmoid) + (1 - p.numpy()) * np.log(1 - sigmoid))
    for name, expected in (("sigmoid", hard), ("soft_sigmoid", soft)):
        found = discovery.modules("realign.training.losses")[name].loss(margin, {"p_chosen": p})
        assert np.allclose(found.numpy(), expected, atol=1e-6)


def test_a_pair_that_could_be_either_teaches_nothing_and_a_doubtful_one_less(tiny_folder, tmp_path):
    margins = {}
    for p in (0.5, 0.75, 1.0):
        model, tokenizer = load_causal(tiny_folder)
        settings = SETTINGS.model_copy(update={"loss_type": ["soft_sigmoid"], "epochs": 3.0})
        rows = preferences().assign(p_chosen=p)
        _, curve = train_dpo(model, tokenizer, rows, settings, seed=7, checkpoints=tmp_path / str(p))
        margins[p] = curve["reward_margin"].iloc[-1]
        assert curve["loss"].iloc[0] == pytest.approx(np.log(2), abs=1e-5)
    assert abs(margins[0.5]) < 0.05 < margins[0.75] < margins[1.0]
