"""Labels depend on the request alone: whatever lies in .work or beside it, every labeler gives the same bytes."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fake_judge_server import Running
from unit_builders import label_row, label_rows, model_named, request, tiny_model, turns, vote

from realign.labelers import registry
from realign.store import artifacts, ids, schemas
from realign.store import ledger_batches as batches
from realign.store.ledger import Answer, Ledger

RULE = json.dumps({"task": "arithmetic", "answer": 4, "given": [2]})
FREE = ("oracle", "scores", "reward_model", "self_judge", "quality_head", "human", "cascade")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    model, tokenizer = tiny_model()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rewarder(tmp_path_factory):
    from transformers import LlamaConfig, LlamaForSequenceClassification

    folder = tmp_path_factory.mktemp("rewarder")
    _, tokenizer = tiny_model()
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_labels=1, pad_token_id=tokenizer.pad_token_id, **shape
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def pairs(count=24):
    rows = []
    for number in range(count):
        prompt = ids.digest("prompt", str(number))
        rows.append((f"pair{number}", prompt, turns(f"Say {number}."), RULE, f"a{number}", f"b{number}",
                     f"The answer is {number}.", f"It is {number}, thank you."))  # fmt: skip
    names = ["pair_id", "prompt_id", "messages", "rule", "response_a", "response_b", "text_a", "text_b"]
    return pd.DataFrame(rows, columns=names)


def vectors(texts):
    seeds = [int(ids.digest("vector", text)[:8], 16) for text in texts]
    return np.stack([np.random.default_rng(seed).normal(size=4) for seed in seeds])


def asked(folder, base, name, **label):
    table = pairs()
    sides = ["a" if number % 3 else "b" for number in range(len(table))]
    # A learner is left some pairs to learn from others' labels of them.
    voted = list(zip(table["pair_id"], sides, strict=True))[: 14 if name == "quality_head" else None]
    votes = label_rows(*(vote(pair, "ann", side) for pair, side in voted))
    scores = pd.DataFrame(
        [
            ("p", f"{side}{n}", "score", float((n * 7 + (side == "a")) % 5))
            for n in range(24)
            for side in "ab"
        ],
        columns=schemas.SCORES.names,
    )
    return request(
        table,
        folder,
        label={"labeler": name, **label},
        base=base,
        vectors=vectors,
        votes=votes,
        scores=scores,
    )


def fill(work, table):
    """What another history may have left: other judges' labels and answers, a queue, votes that are not exported."""
    ledger = Ledger(work.ledger())
    others = [
        label_row(pair, "b", fingerprint=f"{'e' * 19}{n}") for pair in table["pair_id"] for n in range(2)
    ]
    ledger.put(label_rows(*others))
    ledger.put_answers([
        Answer(pair, "e" * 20, "ab", "x", "b", 0.0, "", 1, 1, 1, 0.0, "2020") for pair in table["pair_id"]
    ])  # fmt: skip
    ledger.close()
    batches.write(label_rows(*others), work.shared_ledger())
    queue = table.drop(columns="rule").assign(value=1.0, known=None).astype({"known": "object"})
    artifacts.write_table(work.queue(), queue, schemas.QUEUE)
    (work.queue().parent / "votes.sqlite").write_bytes(b"votes that nobody collected")


def content(labels):
    """Everything that a stage can write down of the labels, as bytes."""
    parts = [labels.winner.tolist(), np.asarray(labels.p_a).tolist(), np.asarray(labels.labeler).tolist()]
    parts += [None if labels.orders is None else labels.orders.tolist(), labels.facts]
    return json.dumps(parts, sort_keys=True).encode()


@pytest.mark.parametrize("name", FREE)
def test_labels_are_the_same_whatever_lies_in_work(name, base, rewarder, tmp_path):
    named = model_named(rewarder).model_dump()
    clean = asked(tmp_path / "clean", base, name, reward_model=named)
    used = asked(tmp_path / "used", base, name, reward_model=named)
    fill(used.work, used.pairs)
    label = registry.find(name).label
    first = content(label(clean))
    assert content(label(used)) == first
    assert content(label(used)) == first, "what it left itself changes nothing either"


def test_a_judges_labels_are_the_same_whatever_lies_in_work(base, tmp_path):
    label = registry.find("llm_judge").label
    with Running(tmp_path, latency=0.0) as server:
        judge = {"backend": "server", "server": server.url, "model": {"name": "fake", "revision": "1"}}
        requests = [asked(tmp_path / name, base, "llm_judge", judge=judge) for name in ("clean", "used")]
        for one in requests:
            one.rubric.parent.mkdir(parents=True, exist_ok=True)
            one.rubric.write_text("Be right.")
        fill(requests[1].work, requests[1].pairs)
        first, second = (content(label(one)) for one in requests)
        sold = server.counts()["sold"]
        again = content(label(requests[0]))
        assert server.counts()["sold"] == sold, "the memo is full now"
    assert first == second == again


def test_every_labeler_is_here():
    assert {*FREE, "llm_judge"} == set(registry.labelers())


def test_quality_head_learns_from_the_ledger_that_it_is_given(base, tmp_path):
    """The other way round: a declared folder of judges' labels does change its labels."""
    plain = asked(tmp_path, base, "quality_head")
    rows = label_rows(*(label_row(pair, "a") for pair in plain.pairs["pair_id"]))
    told = asked(tmp_path, base, "quality_head")
    label = registry.find("quality_head").label
    taught = label(replace(told, labels=rows, votes=rows.head(0)))
    assert taught.facts["quality_head"]["trained_on"] == {"judges": 24}
    assert content(taught) != content(label(plain))
