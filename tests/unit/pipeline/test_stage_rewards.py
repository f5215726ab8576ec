"""rewards: those of a plain computation, kept batch by batch; what is no adapter of this base is refused."""

import json
import shutil
import sqlite3

import numpy as np
import pytest
import torch
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import refused, section, world

from realign.errors import UserError
from realign.models import logprobs
from realign.store import artifacts, ids, schemas
from realign.training.dpo import save_adapter


@pytest.fixture(scope="module")
def tables():
    return world(train=6, held_out=3)


@pytest.fixture(scope="module")
def adapter(tiny_folder, tmp_path_factory):
    """An adapter as training leaves it, with weights that matter."""
    from peft import LoraConfig, get_peft_model

    from realign.models.load import load_causal

    model, _ = load_causal(tiny_folder)
    torch.manual_seed(5)
    lora = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    folder = tmp_path_factory.mktemp("earlier") / "adapter"
    save_adapter(
        get_peft_model(model, lora), folder, section("train", max_length=96), ids.folder_digest(tiny_folder)
    )
    return folder


@pytest.fixture
def copied(adapter, tmp_path):
    """A copy of the adapter to damage."""
    return shutil.copytree(adapter, tmp_path / "copy")


def found(tables, base, earlier, reward, folder, tokens_per_batch=500):
    changes = {"generate.tokens_per_batch": tokens_per_batch, **under("rewards", reward=reward)}
    table = run_stage("rewards", tables, folder, changes, base=base, earlier=earlier).rewards
    return artifacts.conform(table, schemas.REWARDS, "rewards").to_pandas().set_index("response_id")


def by_hand(tables, model, tokenizer, longest):
    """{response: (sum of ln p over its tokens, how many)} of the train prompts, with the libraries alone."""
    sums = {}
    train = tables.prompts.query("split == 'train'").set_index("prompt_id")["messages"]
    for row in tables.responses[tables.responses["prompt_id"].isin(train.index)].itertuples():
        talk = json.loads(train[row.prompt_id])
        start = len(tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=False))
        whole = tokenizer.apply_chat_template(
            [*talk, {"role": "assistant", "content": row.text}], return_dict=False
        )[:longest]
        with torch.inference_mode():
            scores = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
        sums[row.response_id] = (
            sum(float(scores[at - 1, whole[at]]) for at in range(start, len(whole))),
            len(whole) - start,
        )
    return sums


def plain(base):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(base).eval(), AutoTokenizer.from_pretrained(base)


def test_none_is_an_empty_table_and_looks_at_nothing(tables, tmp_path):
    none = tmp_path / "none"
    assert found(tables, none, none, "none", tmp_path).empty
    assert not list(tmp_path.iterdir())


def test_base_is_the_mean_log_probability_of_a_token(tables, tiny_folder, tmp_path):
    table = found(tables, tiny_folder, tmp_path / "none", "base", tmp_path)
    expected = by_hand(tables, *plain(tiny_folder), 128)
    assert set(table.index) == set(expected)
    assert table["policy_logprob"].isna().all()
    for response, (total, tokens) in expected.items():
        row = table.loc[response]
        assert row["tokens"] == tokens
        assert row["reference_logprob"] == pytest.approx(total, abs=1e-4)
        assert row["reward"] == pytest.approx(total / tokens, abs=1e-5)
    assert np.ptp(table["reward"]) > 0.1


@pytest.mark.parametrize("longest", [96, 40])
def test_adapter_is_the_log_ratio_cut_where_its_training_cut(tables, tiny_folder, copied, tmp_path, longest):
    from peft import PeftModel

    path = copied / "training.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_length": longest}))
    table = found(tables, tiny_folder, copied, "adapter", tmp_path)
    reference = by_hand(tables, *plain(tiny_folder), longest)
    model, tokenizer = plain(tiny_folder)
    policy = by_hand(tables, PeftModel.from_pretrained(model, copied).eval(), tokenizer, longest)
    assert set(table.index) == set(policy)
    for response, (total, tokens) in policy.items():
        row = table.loc[response]
        assert row["tokens"] == tokens
        assert row["policy_logprob"] == pytest.approx(total, abs=1e-4)
        assert row["reference_logprob"] == pytest.approx(reference[response][0], abs=1e-4)
        assert row["reward"] == pytest.approx(total - reference[response][0], abs=1e-4)
    assert np.ptp(table["reward"]) > 0.1
    cut = by_hand(tables, model, tokenizer, 128)
    assert any(tokens < cut[response][1] for response, (_, tokens) in policy.items()) == (longest == 40)


def test_a_killed_stage_goes_on_from_its_last_finished_batch(
    tables, tiny_folder, adapter, tmp_path, monkeypatch
):
    whole = found(tables, tiny_folder, adapter, "adapter", tmp_path / "whole")
    real, seen = logprobs._sums, []

    def dies(*told):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(told)
        return real(*told)

    with monkeypatch.context() as patch:
        patch.setattr(logprobs, "_sums", dies)
        with pytest.raises(KeyboardInterrupt):
            found(tables, tiny_folder, adapter, "adapter", tmp_path / "killed", tokens_per_batch=8)
    rows = sqlite3.connect(tmp_path / "killed" / "rows" / "rewards.sqlite")
    kept = rows.execute("SELECT count(*) FROM rows").fetchone()[0]
    assert 0 < kept < len(whole), "two batches are whole, and the policy's half of the third is not kept"
    asked = []
    real_batches = logprobs.logprob_batches
    monkeypatch.setattr(
        logprobs, "logprob_batches", lambda model, rows, **how: asked.append(len(rows)) or real_batches(model, rows, **how)
    )  # fmt: skip
    again = found(tables, tiny_folder, adapter, "adapter", tmp_path / "killed")
    assert asked == [len(whole) - kept]
    assert again.equals(whole)
    found(tables, tiny_folder, adapter, "base", tmp_path / "killed")
    assert asked[1:] == [len(whole)], "other rewards are other rows"
    found(tables, tiny_folder, adapter, "adapter", tmp_path / "killed")
    assert asked[2:] == [], "every row is known"


def test_rows_of_one_adapter_are_not_taken_for_anothers(tables, tiny_folder, adapter, copied, tmp_path):
    from safetensors.torch import load_file, save_file

    one = found(tables, tiny_folder, adapter, "adapter", tmp_path / "work")
    weights = load_file(copied / "adapter_model.safetensors")
    save_file({name: -w if "lora_B" in name else w for name, w in weights.items()},
              copied / "adapter_model.safetensors", metadata={"format": "pt"})  # fmt: skip
    other = found(tables, tiny_folder, copied, "adapter", tmp_path / "work")
    assert (one["reference_logprob"] == other["reference_logprob"]).all()
    assert (one["reward"] != other["reward"]).all()


def test_a_folder_that_holds_no_adapter_is_refused(tables, tiny_folder, copied, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (tmp_path / "nowhere", file, tiny_folder):
        with refused("adapter.incomplete", match=r"^rewards\.adapter: .*lacks adapter_config\.json"):
            found(tables, tiny_folder, folder, "adapter", tmp_path)
    (copied / "adapter_model.safetensors").unlink()
    with refused("adapter.incomplete", match=r"lacks adapter_model\.safetensors$"):
        found(tables, tiny_folder, copied, "adapter", tmp_path)


@pytest.mark.parametrize("damage", ["weights", "config", "shape", "kind", "list"])
def test_a_damaged_adapter_is_one_line(tables, tiny_folder, copied, tmp_path, damage):
    path = copied / "adapter_config.json"
    if damage == "weights":
        path = copied / "adapter_model.safetensors"
        path.write_bytes(path.read_bytes()[:100])
    else:
        changes = {"shape": {"r": 3}, "kind": {"peft_type": "NOTHING"}}.get(damage, {})
        text = json.dumps(json.loads(path.read_text()) | changes)
        path.write_text({"config": "{", "list": "[]"}.get(damage, text))
    with refused("model.not_loadable", match=r"^rewards\.adapter: copy is not an adapter of this base: .+"):
        found(tables, tiny_folder, copied, "adapter", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base": "0" * 20}, r"was trained on another base \(0{20}\) than this run's"),
        ({"base": None}, r"does not say the base of the training"),
        ({"base": None, "max_length": "96"}, r"does not say the base and max_length"),
        (None, r"is not valid JSON"),
    ],
)
def test_an_adapter_of_another_base_or_of_no_known_one_is_refused(
    tables, tiny_folder, copied, tmp_path, changes, words
):
    path = copied / "training.json"
    path.write_text("{" if changes is None else json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=words):
        found(tables, tiny_folder, copied, "adapter", tmp_path)


def test_a_response_without_a_token_is_refused_with_the_mend(tables, tiny_folder, copied, tmp_path):
    path = copied / "training.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_length": 16}))
    with refused(
        "rewards.prompt_too_long", match=r"24 of 24 responses .* Set generate\.max_prompt_tokens below 16"
    ):
        found(tables, tiny_folder, copied, "adapter", tmp_path)
