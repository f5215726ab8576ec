"""What is bought: everything missing, nothing known, never beyond the cap, the same set however it was stopped."""

import asyncio
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_builders import label, pairs

from realign.config.params import Budget
from realign.errors import Transient, UserError
from realign.labelers.llm_judge.budget import Cost, holds, in_order, reserve, within
from realign.labelers.llm_judge.buy import Failed, Outcome, Wanted, buy
from realign.labelers.llm_judge.docket import docket, known, outlook, rates
from realign.labelers.llm_judge.orders import verdicts
from realign.labelers.llm_judge.writer import Writer
from realign.store.ledger import Answer, Ledger

URL = "http://127.0.0.1:1/v1"
TEXT = json.dumps({"winner": "first", "confidence": 0.9})


def budget(calls=None, money=None):
    return Budget(calls=calls, money=money, then="stop")


def answer(pair, shown, fingerprint="f", calls=1, tokens=100):
    return Answer(pair, fingerprint, shown, TEXT, calls, tokens, 10, 0.1, "2026-01-01")


def purchase(wanted, cap=None, at_once=4, repairs=(), failing=(), refusing=()):
    """Buy from a seller that answers after a random while; what was asked, kept, and the outcome."""
    asked, kept = [], []
    random_ = random.Random(5)

    async def ask(pair, shown, chat):
        asked.append((pair, shown))
        await asyncio.sleep(random_.random() / 200)
        if (pair, shown) in refusing:
            raise UserError("the key is wrong")
        if pair in failing:
            raise Failed("no answer")
        return answer(pair, shown, calls=2 if (pair, shown) in repairs else 1)

    async def keep(found):
        kept.append((found.pair_id, found.shown))

    def price(found):
        return Cost(found.calls, 0.0)

    outcome = asyncio.run(buy(wanted, cap or budget(), at_once, ask, keep, price))
    return asked, kept, outcome


def wanted(count, missing=("ab", "ba"), cost=None):
    return [
        Wanted(f"p{n:03}", missing, Cost(2, 0.0), cost or Cost(0, 0.0), lambda shown: [])
        for n in range(count)
    ]


def test_both_orders_of_every_pair_are_bought_once():
    asked, kept, outcome = purchase(wanted(30))
    assert sorted(asked) == sorted(kept) == [(f"p{n:03}", shown) for n in range(30) for shown in ("ab", "ba")]
    assert outcome == Outcome({})
    outcome.check("s")


def test_what_is_known_is_not_asked_but_counts():
    half = wanted(5, missing=("ba",), cost=Cost(1, 0.0))
    asked, _, _ = purchase(half)
    assert {shown for _, shown in asked} == {"ba"}
    done = wanted(5, missing=(), cost=Cost(2, 0.0))
    assert purchase(done)[0] == []
    later = [Wanted(f"q{n}", ("ab", "ba"), Cost(2, 0.0), Cost(0, 0.0), lambda shown: []) for n in range(5)]
    assert len(purchase([*done, *later], budget(calls=14))[0]) == 4


@pytest.mark.parametrize("cap", [0, 1, 2, 3, 7, 40, 60, 1000])
@pytest.mark.parametrize("at_once", [1, 3, 16])
def test_the_calls_bought_are_those_of_the_prefix_that_fits(cap, at_once):
    repairs = {(f"p{n:03}", "ab") for n in range(0, 30, 3)}
    _, kept, _ = purchase(wanted(30), budget(calls=cap or 1), at_once, repairs)
    costs = {f"p{n:03}": Cost(2 + (n % 3 == 0), 0.0) for n in range(30)}
    reserves = dict.fromkeys(costs, Cost(2, 0.0))
    fitting = within(sorted(costs), reserves, costs, budget(calls=cap or 1))
    assert sorted({pair for pair, _ in kept}) == fitting
    assert sum(costs[pair].calls for pair in fitting) <= max(cap, 1) + 2


@given(st.lists(st.integers(2, 4), max_size=30), st.integers(1, 80), st.data())
def test_knowing_more_never_changes_which_pairs_are_within(calls, cap, data):
    order = [f"p{n}" for n in range(len(calls))]
    costs = {pair: Cost(c, 0.0) for pair, c in zip(order, calls, strict=True)}
    reserves = dict.fromkeys(order, Cost(2, 0.0))
    end = within(order, reserves, costs, budget(calls=cap))
    part = {pair: cost for pair, cost in costs.items() if data.draw(st.booleans())}
    assert within(order, reserves, part, budget(calls=cap))[: len(end)] == end
    assert sum(costs[pair].calls for pair in end[:-1]) <= cap


def test_money_is_reserved_for_answers_as_long_as_they_may_be():
    judge = docket(pairs(1), label(URL, price_in=3.0, price_out=30.0, max_tokens=100)).brief
    assert reserve(judge, 3000) == Cost(2, 2 * (1000 * 3.0 + 100 * 30.0) / 1e6)
    assert holds(budget(money=0.3), Cost(9, 0.1 + 0.2)), "the last bits of a sum are no money"
    assert not holds(budget(money=0.3), Cost(9, 0.31))
    assert not holds(budget(calls=8), Cost(9, 0.0))


def test_the_order_of_payment_is_no_order_of_the_data():
    names = pairs(40)["pair_id"].tolist()
    assert in_order(names) == in_order(reversed(names))
    assert in_order(names) not in (names, sorted(names))


def test_calls_that_fail_lose_nothing_and_are_told_in_the_end():
    asked, kept, outcome = purchase(wanted(20), failing={"p003", "p007"})
    assert len(asked) == 40
    assert len(kept) == 36
    with pytest.raises(
        Transient, match=r"4 calls to s got no answer\. .*the same command goes on.*\n.*4 x no answer"
    ):
        outcome.check("s")


def test_a_server_that_is_gone_is_not_asked_about_everything():
    everybody = {f"p{n:03}" for n in range(200)}
    asked, kept, outcome = purchase(wanted(200), failing=everybody)
    assert len(asked) < 30
    assert kept == []
    with pytest.raises(Transient, match="so the rest was not asked"):
        outcome.check("s")


def test_a_failure_that_cannot_pass_is_the_users():
    with pytest.raises(UserError, match="too long") as told:
        Outcome({("p", "ab"): Failed("context is too long", passes=False)}).check("s")
    assert not isinstance(told.value, Transient)


def test_a_refusal_of_every_call_ends_it_at_once():
    with pytest.raises(UserError, match="the key is wrong"):
        purchase(wanted(200), refusing={("p000", "ab")})


def test_the_outlook_counts_calls_exactly_and_learns_rates(tmp_path):
    table, settings = pairs(12), label(URL, budget={"calls": 18})
    ledger = Ledger(tmp_path / "ledger.sqlite")
    cases = docket(table, settings)
    first = outlook(table, settings, ledger)
    assert first["pair_id"].tolist() == list(cases.prompts)
    assert first["calls"].tolist() == [2] * 9 + [0] * 3
    assert first["within"].tolist() == [True] * 9 + [False] * 3
    assert first["characters"].tolist() == [len(cases.chat(p, "ba")[0]["content"]) for p in first["pair_id"]]
    assert rates(first) is None

    one, two, three = list(cases.prompts)[:3]
    name = cases.brief.fingerprint
    for found in (
        answer(one, "ab", name, tokens=300),
        answer(two, "ab", name, tokens=300),
        answer(two, "ba", name, tokens=300),
        answer(three, "ab", name, tokens=300),
        answer(three, "ba", name, calls=2, tokens=9000),
    ):
        ledger.put_answer(found)
    ledger.put(verdicts({two: "x"}, ledger.answers(name, [two]), cases.brief))
    then = outlook(table, settings, ledger).set_index("pair_id")
    assert then.loc[[one, two, three], "calls"].tolist() == [1, 0, 0]
    assert then.loc[[one, two, three], "known_calls"].tolist() == [1, 2, 3]
    assert then["within"].sum() == 8, "the repair took the place of a pair"
    learned = rates(then.reset_index())
    characters = 1 * then.loc[one, "characters"] + 2 * then.loc[two, "characters"]
    assert learned.tokens_a_character == pytest.approx(900 / characters)
    assert learned.tokens_out == 10.0
    assert known(cases, ledger).judged().keys() == {two, three}
    ledger.close()


def test_an_answer_is_in_the_ledger_when_keeping_it_returns(tmp_path):
    path = tmp_path / "ledger.sqlite"
    names = [f"p{n}" for n in range(60)]

    async def keep_all():
        other = Ledger(path)

        async def one(pair):
            await writer.keep(answer(pair, "ab"))
            return (pair, "ab") in other.answers("f", [pair])

        async with Writer(path) as writer:
            found = await asyncio.gather(*map(one, names))
        other.close()
        return found

    assert all(asyncio.run(keep_all()))
