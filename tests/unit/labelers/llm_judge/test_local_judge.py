"""A judge that runs here: letters by their log-probability, both orders, in the ledger like any other."""

import json

import numpy as np
import pytest
import torch
from judge_builders import label, pairs, question
from unit_builders import model_named

from realign.errors import UserError
from realign.labelers.llm_judge import local
from realign.labelers.llm_judge.docket import docket
from realign.labelers.llm_judge.labeler import llm_judge
from realign.labelers.llm_judge.orders import combine
from realign.models.chat import completion_tokens
from realign.store.ledger import Ledger
from realign.store.ledger_batches import unsound


@pytest.fixture(scope="module")
def folder(tiny_folder, tmp_path_factory):
    """The tiny policy with room for a judge's chat."""
    from realign.models.load import load_causal

    model, tokenizer = load_causal(tiny_folder)
    model.config.max_position_embeddings = 4096
    path = tmp_path_factory.mktemp("judge")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def settings(folder, **changes):
    named = model_named(folder)
    return label(None, model={"name": named.name, "revision": named.revision}, **changes)


def answers(folder, count):
    cases = docket(pairs(count), settings(folder))
    asked = [(p, s, lambda p=p, s=s: cases.chat(p, s)) for p in cases.prompts for s in ("ab", "ba")]
    kept = {}
    local.answer(cases.brief, asked, lambda found: kept.update({(found.pair_id, found.shown): found}))
    return cases, kept


def test_each_letters_log_probability_is_the_models_own(folder):
    from realign.models.load import load_causal

    cases, kept = answers(folder, 2)
    model, tokenizer = load_causal(folder)
    pair = next(iter(cases.prompts))
    told = json.loads(kept[pair, "ba"].text)
    assert list(told) == ["A", "B", "C", "D"]
    for letter, found in told.items():
        prompt, ending = completion_tokens(tokenizer, cases.chat(pair, "ba"), letter)
        with torch.inference_mode():
            log_p = model(input_ids=torch.tensor([prompt + ending])).logits[0].log_softmax(-1)
        expected = sum(float(log_p[len(prompt) + at - 1, token]) for at, token in enumerate(ending))
        np.testing.assert_allclose(found, expected, atol=2e-3)
    assert len(set(told.values())) == 4
    assert kept[pair, "ba"].tokens_in > 100
    assert kept[pair, "ab"].text != kept[pair, "ba"].text


def test_verdicts_follow_from_both_orders_and_are_computed_once(folder, tmp_path, monkeypatch):
    asked = question(tmp_path, pairs(6), settings(folder))
    found = llm_judge(asked)
    cases, kept = answers(folder, 6)
    expected = [combine(kept[p, "ab"].text, kept[p, "ba"].text, cases.brief) for p in asked.pairs["pair_id"]]
    assert found.winner.tolist() == [v.winner for v in expected]
    assert found.p_a.tolist() == [v.p_a for v in expected]
    assert found.facts["judge"]["calls"] == 12
    assert found.facts["judge"]["money"] == 0.0
    ledger = Ledger(asked.work.ledger())
    assert unsound(ledger.everything()) == []
    ledger.close()
    monkeypatch.setattr(local, "load_causal", None)
    again = llm_judge(asked)
    assert again.winner.tolist() == found.winner.tolist()
    assert again.facts == found.facts


def test_a_chat_longer_than_the_model_reads_is_an_abstention(tiny_folder, tmp_path):
    found = llm_judge(question(tmp_path, pairs(2), settings(tiny_folder)))  # it reads 128 tokens
    assert found.winner.tolist() == ["abstained"] * 2
    assert found.orders.tolist() == [["", ""]] * 2
    assert found.facts["judge"]["verdicts"]["abstained"] == 2


def test_the_budget_caps_calls_here_too(folder, tmp_path):
    capped = label(None, {"calls": 4}, model=settings(folder).judge.model.model_dump())
    found = llm_judge(question(tmp_path, pairs(5), capped))
    assert sorted(found.winner).count("over_budget") == 3


def test_a_model_that_is_not_there_is_told(tmp_path):
    broken = label(None, model={"name": str(tmp_path), "revision": "x"})
    with pytest.raises(UserError, match=r"label\.judge\.model"):
        llm_judge(question(tmp_path, pairs(1), broken))
