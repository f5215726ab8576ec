"""A judge that runs here: letters by their log-probability, both orders, in the ledger like any other."""

import asyncio
import json

import numpy as np
import pytest
import torch
from judge_builders import answered, label, pairs, request, spec
from unit_builders import model_named

from realign.errors import UserError
from realign.labelers.llm_judge.backend import Call
from realign.labelers.llm_judge.backends import local
from realign.labelers.llm_judge.jobs import jobs
from realign.labelers.llm_judge.labeler import label as llm_judge
from realign.labelers.llm_judge.run import combine
from realign.models.chat import completion_tokens
from realign.store.host import Host
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


def completions(folder, count):
    """The jobs of so many pairs, and the model's completion of each order, all asked together."""
    judge = spec(settings(folder))
    ledger = Ledger(folder.parent / "none.sqlite")
    wanted = jobs(judge, pairs(count), ledger)
    ledger.close()
    orders = [(job, shown) for job in wanted for shown in ("ab", "ba")]
    client = judge.backend.connect(judge.judge, judge.form, Host())
    made = asyncio.run(client.ask([Call("", job.chat(shown)) for job, shown in orders]))
    return wanted, {(job.pair_id, shown): found for (job, shown), found in zip(orders, made, strict=True)}


def test_each_letters_log_probability_is_the_models_own(folder):
    from realign.models.load import load_causal

    wanted, kept = completions(folder, 2)
    model, tokenizer = load_causal(folder)
    job = wanted[0]
    pair = job.pair_id
    told = json.loads(kept[pair, "ba"].text)
    assert list(told) == ["A", "B", "C", "D"]
    for letter, found in told.items():
        prompt, ending = completion_tokens(tokenizer, job.chat("ba"), letter)
        with torch.inference_mode():
            log_p = model(input_ids=torch.tensor([prompt + ending])).logits[0].log_softmax(-1)
        expected = sum(float(log_p[len(prompt) + at - 1, token]) for at, token in enumerate(ending))
        np.testing.assert_allclose(found, expected, atol=2e-3)
    assert len(set(told.values())) == 4
    assert kept[pair, "ba"].tokens_in > 100
    assert kept[pair, "ab"].text != kept[pair, "ba"].text


def test_labels_follow_from_both_orders_and_are_computed_once(folder, tmp_path, monkeypatch):
    asked = request(tmp_path, pairs(6), settings(folder))
    found = llm_judge(asked)
    _, kept = completions(folder, 6)
    judge = spec(settings(folder))
    expected = combine(
        [answered(judge, p, ab=kept[p, "ab"].text, ba=kept[p, "ba"].text) for p in asked.pairs["pair_id"]]
    )
    assert found.winner.tolist() == expected["winner"].tolist()
    assert found.p_a.tolist() == expected["p_a"].tolist()
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
    found = llm_judge(request(tmp_path, pairs(2), settings(tiny_folder)))  # it reads 128 tokens
    assert found.winner.tolist() == ["abstain"] * 2
    assert found.orders.tolist() == [["abstain", "abstain"]] * 2
    assert found.facts["judge"]["labels"]["abstain"] == 2


def test_the_budget_caps_calls_here_too(folder, tmp_path):
    capped = label(None, {"calls": 4}, model=settings(folder).judge.model.model_dump())
    found = llm_judge(request(tmp_path, pairs(5), capped))
    assert sorted(found.winner).count("over_budget") == 3


def test_a_model_that_is_not_there_is_told(tmp_path):
    broken = label(None, model={"name": str(tmp_path), "revision": "x"})
    with pytest.raises(UserError, match=r"label\.judge\.model"):
        llm_judge(request(tmp_path, pairs(1), broken))
