"""llm_judge: labels from both orders, each bought once, and facts that the same ledger gives again."""

import numpy as np
import pytest
from fake_judge_server import Running, uniform
from judge_builders import answered, label, pairs, request, spec

from realign.errors import UserError
from realign.labelers.llm_judge.labeler import label as llm_judge
from realign.store import ledger_batches as batches
from realign.store.ledger import Ledger


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    """A judge without faults that follows its hidden gold."""
    with Running(tmp_path_factory.mktemp("fake"), latency=0.0) as server:
        yield server


def rows(asked):
    ledger = Ledger(asked.work.ledger())
    found = ledger.everything()
    ledger.close()
    return found


def test_labels_are_those_of_the_judge_in_the_requests_order(fake, tmp_path):
    table = pairs(12).sample(frac=1, random_state=0).reset_index(drop=True)
    asked = request(tmp_path, table, label(fake.url, price_in=1.0, price_out=2.0))
    found = llm_judge(asked)
    better = [
        uniform("quality", a) > uniform("quality", b)
        for a, b in zip(table["text_a"], table["text_b"], strict=True)
    ]
    assert found.winner.tolist() == ["a" if a else "b" for a in better]
    np.testing.assert_allclose(found.p_a, np.where(better, 0.8, 0.2))
    assert found.consistent.all()
    assert found.labeler == "llm_judge: fake@1"
    told = found.facts["judge"]
    assert told["labels"] == {
        "a": sum(better), "b": 12 - sum(better), "tie": 0, "both_bad": 0, "abstain": 0, "over_budget": 0
    }  # fmt: skip
    assert (told["calls"], told["repairs"]) == (24, 0)
    assert (told["consistency"]["value"], told["consistency"]["n"]) == (1.0, 12)
    assert told["position_bias"]["value"] == 0.5
    kept = rows(asked)
    assert told["tokens_in"] == kept["tokens_in"].sum() > 24 * 200
    assert told["money"] == pytest.approx((told["tokens_in"] + 2 * told["tokens_out"]) / 1e6, abs=1e-6)
    assert batches.unsound(kept) == []


def test_known_pairs_are_bought_by_nobody_again(fake, tmp_path):
    first = llm_judge(request(tmp_path, pairs(8, 100), label(fake.url)))
    sold = fake.counts()["sold"]
    more = llm_judge(request(tmp_path, pairs(10, 98), label(fake.url), seed=8))
    assert fake.counts()["sold"] == sold + 4
    assert more.winner[2:].tolist() == first.winner.tolist()
    unreachable = label("http://127.0.0.1:9/v1", concurrency=3, timeout=1.0)
    again = llm_judge(request(tmp_path, pairs(10, 98), unreachable))
    assert again.winner.tolist() == more.winner.tolist()
    assert again.facts == more.facts


def test_a_teammates_batch_is_taken_in_before_anything_is_bought(fake, tmp_path):
    mate = request(tmp_path / "mate", pairs(5, 200), label(fake.url))
    theirs = llm_judge(mate)
    mine = request(tmp_path / "mine", pairs(5, 200), label(fake.url))
    batches.write(rows(mate), mine.work.shared_ledger())
    sold = fake.counts()["sold"]
    found = llm_judge(mine)
    assert fake.counts()["sold"] == sold
    assert found.winner.tolist() == theirs.winner.tolist()
    assert found.facts == theirs.facts


def test_at_the_cap_the_rest_is_told_apart_and_not_asked(fake, tmp_path):
    sold = fake.counts()["sold"]
    capped = llm_judge(request(tmp_path, pairs(10, 300), label(fake.url, {"calls": 9})))
    assert fake.counts()["sold"] == sold + 8
    assert (capped.winner == "over_budget").sum() == 6
    assert (capped.p_a[capped.winner == "over_budget"] == 0.5).all()
    assert not capped.consistent[capped.winner == "over_budget"].any()
    assert capped.facts["judge"]["calls"] == 8
    whole = llm_judge(request(tmp_path, pairs(10, 300), label(fake.url)))
    known = capped.winner != "over_budget"
    assert whole.winner[known].tolist() == capped.winner[known].tolist()
    again = llm_judge(request(tmp_path, pairs(10, 300), label(fake.url, {"calls": 9})))
    assert again.winner.tolist() == capped.winner.tolist(), "knowing more does not change the set"
    assert again.facts == capped.facts


def test_money_caps_too(fake, tmp_path):
    priced = {"price_in": 10.0, "price_out": 30.0}
    found = llm_judge(request(tmp_path, pairs(10, 400), label(fake.url, {"money": 0.1}, **priced)))
    spent = found.facts["judge"]["money"]
    assert 0 < (found.winner != "over_budget").sum() < 10
    assert spent <= 0.1


def test_a_judge_that_looks_at_the_order_gives_ties_and_says_so(tmp_path):
    with Running(tmp_path, latency=0.0, prefers_first=1.0) as server:
        found = llm_judge(request(tmp_path, pairs(6), label(server.url)))
    assert found.winner.tolist() == ["tie"] * 6
    assert found.p_a.tolist() == [0.5] * 6
    assert not found.consistent.any()
    told = found.facts["judge"]
    assert (told["consistency"]["value"], told["position_bias"]["value"]) == (0.0, 1.0)
    assert found.orders.tolist() == [["a", "b"]] * 6


def test_a_judge_of_nonsense_abstains_after_one_repair_and_is_not_asked_again(tmp_path):
    with Running(tmp_path, latency=0.0, replies=[{"content": "The first one, I would say."}]) as server:
        asked = request(tmp_path, pairs(5), label(server.url))
        found = llm_judge(asked)
        assert found.winner.tolist() == ["abstain"] * 5
        assert found.facts["judge"]["repairs"] == 10
        assert llm_judge(asked).facts == found.facts
        assert server.counts()["sold"] == 20


def test_scores_of_attributes_decide(fake, tmp_path):
    weights = {"helpfulness": 0.65, "correctness": 0.8, "verbosity": -0.4}
    found = llm_judge(request(tmp_path, pairs(6), label(fake.url, attributes=weights)))
    plain = llm_judge(request(tmp_path, pairs(6), label(fake.url)))
    assert found.winner.tolist() == plain.winner.tolist()
    np.testing.assert_allclose(np.abs(found.p_a - 0.5) + 0.5, 1 / (1 + np.exp(-1.05)), atol=1e-6)


def test_answers_of_a_run_that_was_killed_become_labels_without_a_call(tmp_path):
    asked = request(tmp_path, pairs(2), label("http://127.0.0.1:9/v1", retries=0))
    ledger = Ledger(asked.work.ledger())
    for pair in asked.pairs["pair_id"]:
        texts = {
            shown: f'{{"winner": "{word}", "confidence": 0.7}}'
            for shown, word in (("ab", "first"), ("ba", "second"))
        }
        ledger.put_answers([*answered(spec(asked.settings), pair, **texts).answers.values()])
    ledger.close()
    assert llm_judge(asked).winner.tolist() == ["a", "a"]
    assert set(rows(asked)["prompt_id"]) == set(asked.pairs["prompt_id"])


def test_no_pairs_are_no_calls(tmp_path):
    found = llm_judge(request(tmp_path, pairs(0), label("http://127.0.0.1:9/v1")))
    assert found.winner.shape == (0,)
    assert found.orders.shape == (0, 2)
    assert found.facts["judge"]["consistency"] is None


def test_a_key_is_needed_where_the_server_is_another_machine(tmp_path):
    far = label("https://judge.invalid/v1", key_variable="SOME_KEY")
    with pytest.raises(UserError, match="SOME_KEY is not set") as told:
        llm_judge(request(tmp_path, pairs(1), far, environ={}))
    assert told.value.code == "judge.no_key"
