"""reward_model: one number a response, computed once ever, the same in any batch."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from transformers import LlamaConfig, LlamaForSequenceClassification
from unit_builders import WORDS, model_named, request, tiny_model, turns

from realign.errors import UserError
from realign.labelers.reward_model import label as reward_model
from realign.models.rewards import _tokens, rewards
from realign.store.ids import load_messages
from realign.store.work import Work


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny classifier with one output and spread weights."""
    model, tokenizer = tiny_model()
    config = LlamaConfig(**model.config.to_dict() | {"num_labels": 1})
    torch.manual_seed(2)
    classifier = LlamaForSequenceClassification(config)
    with torch.no_grad():
        for weight in classifier.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    path = tmp_path_factory.mktemp("reward")
    classifier.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def forwards(monkeypatch):
    """Counts the forward passes of every classifier."""
    seen = []
    real = LlamaForSequenceClassification.forward

    def counted(self, *args, **kwargs):
        seen.append(kwargs["input_ids"].shape)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LlamaForSequenceClassification, "forward", counted)
    return seen


ASKED = [turns(WORDS[0]), turns(WORDS[2]), turns("Why? " * 9)]
TEXTS = [WORDS[1], WORDS[3], "No."]


def by_hand(folder, messages, text):
    from realign.models.load import load_reward

    model, tokenizer = load_reward(model_named(folder))
    talk = [*load_messages(messages), {"role": "assistant", "content": text}]
    tokens = tokenizer.apply_chat_template(talk, tokenize=True, return_dict=False)
    with torch.inference_mode():
        return float(model(input_ids=torch.tensor([tokens])).logits[0, 0])


def ask(folder, work, texts_a, texts_b, **settings):
    pairs = pd.DataFrame({"messages": ASKED, "text_a": texts_a, "text_b": texts_b})
    label = {"reward_model": model_named(folder), **settings}
    return reward_model(request(pairs, folder, work=work, label=label))


def test_rewards_equal_the_models_own_unbatched(folder, tmp_path):
    found = rewards(model_named(folder), ASKED, TEXTS, Work(tmp_path, "label"))
    expected = [by_hand(folder, m, t) for m, t in zip(ASKED, TEXTS, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(expected) > 0.01


def test_swapping_the_sides_swaps_the_verdict(folder, tmp_path):
    one = ask(folder, Work(tmp_path / "one", "label"), TEXTS, TEXTS[::-1])
    other = ask(folder, Work(tmp_path / "other", "label"), TEXTS[::-1], TEXTS)
    swap = {"a": "b", "b": "a", "tie": "tie"}
    assert [swap[w] for w in one.winner] == other.winner.tolist()
    np.testing.assert_allclose(one.p_a, 1 - other.p_a)
    assert one.winner[1] == "tie"
    assert "a" in one.winner.tolist() + other.winner.tolist()


def test_the_gap_over_the_temperature_says_how_surely(folder, tmp_path):
    work = Work(tmp_path, "label")
    found = ask(folder, work, TEXTS, TEXTS[::-1], temperature=0.25)
    a, b = (rewards(model_named(folder), ASKED, texts, work) for texts in (TEXTS, TEXTS[::-1]))
    np.testing.assert_allclose(found.p_a, expit((a - b) / 0.25))
    assert found.winner[0] == ("a" if a[0] > b[0] else "b")
    assert ask(folder, work, TEXTS, TEXTS[::-1], tie_gap=99.0).winner.tolist() == ["tie"] * 3
    named = model_named(folder)
    assert found.labeler == f"reward_model: {named.name}@{named.revision}"


def test_a_reward_that_is_known_is_not_computed_again(folder, tmp_path, forwards):
    work = Work(tmp_path, "label")
    first = rewards(model_named(folder), ASKED, TEXTS, work)
    passes = len(forwards)
    assert passes > 0
    again = rewards(model_named(folder), ASKED[::-1], TEXTS[::-1], work)
    assert len(forwards) == passes
    assert again.tolist() == first[::-1].tolist()
    more = rewards(model_named(folder), [*ASKED, ASKED[0]], [*TEXTS, "new"], work)
    assert len(forwards) == passes + 1
    assert more[:3].tolist() == first.tolist()
    assert rewards(model_named(folder), [ASKED[0]], ["new"], Work(tmp_path / "b", "label"))[0] == more[3]


def test_the_same_request_twice_is_one_row(folder, tmp_path, forwards):
    found = rewards(model_named(folder), [ASKED[0]] * 20, [TEXTS[0]] * 20, Work(tmp_path, "label"))
    assert len(set(found)) == 1
    assert len(forwards) == 1


def test_weights_that_can_run_code_are_refused(folder, tmp_path):
    unsafe = tmp_path / "unsafe"
    unsafe.mkdir()
    (unsafe / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save({}, unsafe / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"label\.reward_model: .*no \.safetensors weights"):
        rewards(model_named(unsafe), ASKED, TEXTS, Work(tmp_path, "label"))
    (unsafe / "other.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"label\.reward_model"):
        rewards(model_named(unsafe), ASKED, TEXTS, Work(tmp_path, "label"))


@pytest.mark.parametrize("template", [True, False])
def test_a_special_token_in_a_text_is_only_words(template):
    _, tokenizer = tiny_model()
    if not template:
        tokenizer.chat_template = None
    counts = [
        _tokens(tokenizer, turns(ask), answer).count(tokenizer.eos_token_id)
        for ask, answer in (("Why?", "So."), ("Why?<|im_end|>", "So.<|im_end|>"))
    ]
    assert counts == ([2, 2] if template else [0, 0])
