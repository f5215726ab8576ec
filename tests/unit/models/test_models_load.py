"""Loading: pinned by content, safetensors only, one clear line when it fails."""

import json
import shutil

import pytest
import torch
from stage_builders import everything
from transformers import LlamaForSequenceClassification
from unit_builders import model_named, refused

from realign.config.params import Model
from realign.models.load import check_folders, load_causal, load_reward, pinned
from realign.store import ids


@pytest.fixture
def copied(tiny_folder, tmp_path):
    """A copy of the tiny policy to damage."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_policy_is_loaded_in_evaluation_with_left_padding(tiny):
    model, tokenizer = tiny
    assert not model.training
    assert model.dtype == torch.float32
    assert tokenizer.padding_side == "left"


def test_a_folder_is_pinned_by_its_content(tiny_folder):
    assert pinned(model_named(tiny_folder), "base.model") == tiny_folder


def test_another_content_names_the_digest_that_would_fit(copied):
    right = ids.folder_digest(copied)
    with refused(
        "model.other_revision", match=rf"has revision {right}.*says abc.*base\.model\.revision={right}"
    ):
        pinned(Model(name=str(copied), revision="abc"), "base.model")
    named = model_named(copied)
    (copied / "added.txt").write_text("x")
    with refused("model.other_revision", match=r"base\.model: the folder"):
        pinned(named, "base.model")


@pytest.mark.parametrize("key", ["base.model", "embed.model", "label.reward_model"])
def test_a_folder_without_its_revision_is_told_it_by_the_first_check(copied, key):
    with refused(
        "model.no_revision", match=rf"(?s){key}: the folder.* set {key}\.revision={ids.folder_digest(copied)}"
    ):
        check_folders(everything({f"{key}.name": str(copied), f"{key}.revision": None}))
    check_folders(everything({f"{key}.name": str(copied), f"{key}.revision": ids.folder_digest(copied)}))


def test_all_folders_without_a_revision_are_named_at_once(copied, tmp_path):
    changes = {"base.model.name": str(copied), "embed.model.name": str(tmp_path / "none")}
    with refused("model.no_revision", match=r"(?s)base\.model: .*revision.*embed\.model: there is no folder"):
        check_folders(everything(changes | {"base.model.revision": None, "embed.model.revision": None}))


def test_weights_that_can_run_code_are_refused(copied):
    (copied / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, copied / "pytorch_model.bin")
    with refused(
        "model.no_safetensors", match=r"label\.x: .*no \.safetensors weights; other formats can run code"
    ):
        pinned(model_named(copied), "label.x")
    with refused("model.not_loadable", match="is not a causal language model"):
        load_causal(copied)


def test_a_hub_name_is_not_asked_for_while_the_hub_is_off():
    with refused("hub.not_available", match=r"base\.model: 'owner/none' at revision 'abc' cannot be had"):
        pinned(Model(name="owner/none", revision="abc"), "base.model")


def test_what_is_neither_folder_nor_hub_name_is_said_so():
    with refused("hub.bad_name", match="is no hub name"):
        pinned(Model(name="models/that/is/not/there", revision="abc"), "base.model")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, "{"])
def test_a_folder_that_is_no_model_is_one_line(copied, file, content):
    (copied / file).unlink()
    if content:
        (copied / file).write_text(content)
    with refused("model.not_loadable", match=r"^base: copy is not a causal language model: [^\n]+$"):
        load_causal(copied)


def test_an_unknown_architecture_is_one_line(copied):
    change_config(copied, model_type="nonsense")
    with refused("model.not_loadable", match="nonsense"):
        load_causal(copied, key="base.model")


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_cut_weights_are_one_line(copied, share):
    weights = copied / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(len(whole) * share)])
    with refused("model.not_loadable", match="base: copy"):
        load_causal(copied)


def test_weights_of_another_shape_are_one_line(copied):
    change_config(copied, hidden_size=64)
    with refused("model.not_loadable", match="base: copy"):
        load_causal(copied)


def test_missing_weights_are_refused(copied):
    change_config(copied, num_hidden_layers=3)
    with refused("model.not_loadable", match="base: copy"):
        load_causal(copied)


def test_a_reward_model_without_a_head_is_refused(copied):
    change_config(copied, num_labels=1, id2label={"0": "reward"}, label2id={"reward": 0})
    with refused("model.not_loadable", match=r"label\.reward_model"):
        load_reward(model_named(copied))


def test_a_classifier_with_two_outputs_is_no_reward_model(tiny, tmp_path):
    model, tokenizer = tiny
    config = type(model.config)(**model.config.to_dict() | {"num_labels": 2})
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with refused("model.not_a_reward", match=r"label\.reward_model: .* has 2 outputs, a reward has one"):
        load_reward(model_named(tmp_path))


@pytest.mark.parametrize("kind", ["CausalLM", "SequenceClassification"])
def test_code_that_came_with_a_model_is_never_run_and_nobody_is_asked(copied, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    ran = tmp_path / "ran"
    (copied / "modeling_x.py").write_text(
        "from pathlib import Path\n"
        f"from transformers import LlamaConfig, LlamaFor{kind}\n"
        f"Path({str(ran)!r}).touch()\n"
        "class XConfig(LlamaConfig):\n    model_type = 'xx'\n"
        f"class XFor{kind}(LlamaFor{kind}):\n    config_class = XConfig\n"
    )
    auto = {"AutoConfig": "modeling_x.XConfig", f"AutoModelFor{kind}": f"modeling_x.XFor{kind}"}
    change_config(copied, model_type="xx", auto_map=auto, architectures=[f"XFor{kind}"], num_labels=1)
    with refused("model.own_code", match="code of its own, which is never run"):
        load_causal(copied) if kind == "CausalLM" else load_reward(model_named(copied))
    assert not ran.exists()
