"""self_judge: the shift in log-probability between two instructions, computed once a response."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from unit_builders import request, turns

from realign.labelers import self_judge as module
from realign.labelers.self_judge import instructed
from realign.labelers.self_judge import label as self_judge
from realign.models.load import load_causal
from realign.store import ids


@pytest.fixture
def pairs():
    texts = [("The answer is five.", "Blue."), ("Red is a colour.", "Red is a colour, and so is blue."),
             ("Same.", "Same. ")]  # fmt: skip
    rows = []
    for number, (a, b) in enumerate(texts):
        prompt = ids.digest("prompt", str(number))
        rows.append(
            (
                f"pair{number}",
                prompt,
                turns(f"Say something {number}."),
                None,
                f"a{number}",
                f"b{number}",
                a,
                b,
            )
        )
    names = ["pair_id", "prompt_id", "messages", "rule", "response_a", "response_b", "text_a", "text_b"]
    return pd.DataFrame(rows, columns=names)


def by_hand(folder, messages, instruction, text):
    """ln p(text and its end token | prompt), token after token, without batches."""
    model, tokenizer = load_causal(folder)
    asked = instructed(ids.load_messages(messages), instruction)
    prompt = tokenizer.apply_chat_template(
        asked, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    whole = tokenizer.apply_chat_template(
        [*asked, {"role": "assistant", "content": text}], tokenize=True, return_dict=False
    )
    with torch.inference_mode():
        logs = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return float(sum(logs[at - 1, whole[at]] for at in range(len(prompt), len(whole))))


def test_the_score_is_dlmas(tiny_folder, tmp_path, pairs):
    asked = request(pairs, tmp_path, base=tiny_folder, label={"temperature": 2.0})
    found = self_judge(asked)
    told = asked.settings.self_judge
    for row, p in zip(pairs.itertuples(), found.p_a, strict=True):
        shift = {
            side: by_hand(tiny_folder, row.messages, told.positive, getattr(row, side))
            - by_hand(tiny_folder, row.messages, told.negative, getattr(row, side))
            for side in ("text_a", "text_b")
        }
        gap = np.clip(shift["text_a"] - shift["text_b"], -40, 40)
        assert p == pytest.approx(expit(gap / 2.0), abs=1e-4)
    assert found.winner.tolist() == ["a" if p > 0.5 else "b" for p in found.p_a]


def test_swapping_the_sides_swaps_the_verdict(tiny_folder, tmp_path, pairs):
    swapped = pairs.rename(columns={"text_a": "text_b", "text_b": "text_a"})
    one = self_judge(request(pairs, tmp_path, base=tiny_folder))
    other = self_judge(request(swapped, tmp_path, base=tiny_folder))
    assert np.allclose(one.p_a, 1 - other.p_a)


def test_a_response_is_scored_once_ever(tiny_folder, tmp_path, pairs, monkeypatch):
    first = self_judge(request(pairs, tmp_path, base=tiny_folder))
    monkeypatch.setattr(module, "load_causal", lambda folder: pytest.fail("it was known already"))
    again = self_judge(request(pairs.iloc[::-1].reset_index(drop=True), tmp_path, base=tiny_folder))
    assert np.array_equal(first.p_a[::-1], again.p_a)


def test_the_instruction_stands_before_the_last_user_turn():
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Bye"},
    ]
    assert instructed(talk, "Be good.") == [*talk[:2], {"role": "user", "content": "Be good.\n\nBye"}]
