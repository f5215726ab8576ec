"""What is bought: everything missing, nothing known, never beyond the cap, the same set however it was stopped."""

import asyncio
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_builders import label, pairs, request, spec

from realign.config.params import Budget
from realign.errors import Transient, UserError
from realign.experiments.plan import Costs
from realign.labelers.llm_judge.backend import Backend, Completion, Failed
from realign.labelers.llm_judge.budget import Cost, holds, in_order, reserve, within
from realign.labelers.llm_judge.form import json_form
from realign.labelers.llm_judge.jobs import Job, jobs
from realign.labelers.llm_judge.labeler import LABELER
from realign.labelers.llm_judge.run import Failures, _Keep, ask, combine
from realign.store import ids
from realign.store.host import Host
from realign.store.ledger import Answer, Ledger

URL = "http://127.0.0.1:1/v1"
TEXT = json.dumps({"winner": "first", "confidence": 0.9})


def budget(calls=None, money=None):
    return Budget(calls=calls, money=money, then="stop")


JUDGE = spec(label(URL))


def answer(pair, shown, fingerprint=JUDGE.fingerprint, calls=1, tokens=100):
    return Answer(
        pair, fingerprint, shown, TEXT, "a", 0.9, "", calls, tokens, 10, 0.1, "2026-01-01T00:00:00+00:00"
    )


class Bar:
    """Counts answers like tqdm."""

    n = 0

    def update(self, more):
        self.n += more


class Seller:
    """Answers after a random while; some calls unreadably at first, some never, some with a refusal."""

    def __init__(self, at_once, batch, repairs, failing, refusing, failing_repairs):
        self.at_once, self.batch = at_once, batch
        self.repairs, self.failing, self.refusing = repairs, failing, refusing
        self.failing_repairs = failing_repairs
        self.asked, self.random, self.most, self.under_way = [], random.Random(5), 0, 0
        names = [f"{letter}{n:03}" for letter in "pq" for n in range(200)]
        self.of_key = {ids.digest("call", JUDGE.fingerprint, pair, shown): (pair, shown)
                       for pair in names for shown in ("ab", "ba")}  # fmt: skip

    async def ask(self, calls):
        assert len(calls) <= self.batch
        orders = [self.of_key.get(call.key) for call in calls]  # None for a repair
        self.asked += [order for order in orders if order]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self.random.random() / 200)
        self.under_way -= 1
        if set(orders) & set(self.refusing):
            raise UserError("the key is wrong")
        if self.failing_repairs and None in orders:
            raise Failed("no answer")
        if {order[0] for order in orders if order} & set(self.failing):
            raise Failed("no answer")
        return [Completion("nonsense" if order in self.repairs else TEXT, 100, 10) for order in orders]

    async def close(self):
        pass


def buy(
    folder, wanted, cap=None, at_once=4, batch=1, repairs=(), failing=(), refusing=(), failing_repairs=False
):
    """What was asked, what the ledger keeps, and the failures."""
    seller = Seller(at_once, batch, repairs, failing, refusing, failing_repairs)
    sold_by = Backend(lambda *_: seller, lambda judge: json_form({}), lambda judge: [])
    ledger, bar = Ledger(folder / f"{ids.digest(str(random.random()))}.sqlite"), Bar()
    failures = asyncio.run(ask(replace(JUDGE, backend=sold_by), wanted, cap or budget(), ledger, Host(), bar))
    kept = ledger.answers(JUDGE.fingerprint, {job.pair_id for job in wanted})
    ledger.close()
    assert bar.n + len(failures.orders.keys() & kept.keys()) == len(kept)
    assert seller.most <= at_once
    return seller.asked, kept, failures


def wanted(count, missing=("ab", "ba"), calls=0, letter="p"):
    known = {"calls": calls, "tokens_in": 0, "tokens_out": 0, "seconds": 0.0}
    return [
        Job(JUDGE, f"{letter}{n:03}", "x", ("[]", "", ""), 0, Cost(2, 0.0), {}, missing, known)
        for n in range(count)
    ]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_both_orders_of_every_pair_are_bought_once(tmp_path, batch):
    asked, kept, failures = buy(tmp_path, wanted(30), batch=batch)
    assert sorted(asked) == sorted(kept) == [(f"p{n:03}", shown) for n in range(30) for shown in ("ab", "ba")]
    assert failures.orders == {}
    failures.check(JUDGE)


def test_what_is_known_is_not_asked_but_counts(tmp_path):
    half = wanted(5, missing=("ba",), calls=1)
    asked, _, _ = buy(tmp_path, half)
    assert {shown for _, shown in asked} == {"ba"}
    done = wanted(5, missing=(), calls=2)
    assert buy(tmp_path, done)[0] == []
    later = wanted(5, letter="q")
    assert len(buy(tmp_path, [*done, *later], budget(calls=14))[0]) == 4


@pytest.mark.parametrize("cap", [0, 1, 2, 3, 7, 40, 60, 1000])
@pytest.mark.parametrize(("at_once", "batch"), [(1, 1), (3, 1), (16, 1), (1, 512), (2, 5)])
def test_the_calls_bought_are_those_of_the_prefix_that_fits(tmp_path, cap, at_once, batch):
    repairs = {(f"p{n:03}", "ab") for n in range(0, 30, 3)}
    _, kept, _ = buy(tmp_path, wanted(30), budget(calls=cap or 1), at_once, batch, repairs)
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
    judge = spec(label(URL, price_in=3.0, price_out=30.0, max_tokens=100))
    assert reserve(judge, 3000) == Cost(2, 2 * (1000 * 3.0 + 100 * 30.0) / 1e6)
    assert holds(budget(money=0.3), Cost(9, 0.1 + 0.2)), "the last bits of a sum are no money"
    assert not holds(budget(money=0.3), Cost(9, 0.31))
    assert not holds(budget(calls=8), Cost(9, 0.0))


def test_the_order_of_payment_is_no_order_of_the_data():
    names = pairs(40)["pair_id"].tolist()
    assert in_order(names) == in_order(reversed(names))
    assert in_order(names) not in (names, sorted(names))


def test_calls_that_fail_lose_nothing_and_are_told_in_the_end(tmp_path):
    asked, kept, failures = buy(tmp_path, wanted(20), failing={"p003", "p007"})
    assert len(asked) == 40
    assert len(kept) == 36
    with pytest.raises(
        Transient, match=r"4 calls to \S+ got no answer\. .*the same command goes on.*\n.*4 x no answer"
    ):
        failures.check(JUDGE)


def test_a_server_that_is_gone_is_not_asked_about_everything(tmp_path):
    everybody = {f"p{n:03}" for n in range(200)}
    asked, kept, failures = buy(tmp_path, wanted(200), failing=everybody)
    assert len(asked) < 30
    assert kept == {}
    with pytest.raises(Transient, match="so the rest was not asked") as told:
        failures.check(JUDGE)
    assert told.value.code == "judge.no_answer"


def test_a_failure_that_cannot_pass_is_the_users():
    with pytest.raises(UserError, match="too long") as told:
        Failures({("p", "ab"): (Failed("context is too long", passes=False), 0)}).check(JUDGE)
    assert not isinstance(told.value, Transient)
    assert told.value.code == "judge.refused_calls"


def test_a_refusal_of_every_call_ends_it_at_once(tmp_path):
    asked, kept, failures = buy(tmp_path, wanted(200), refusing={("p010", "ab")})
    assert 20 <= len(asked) < 40
    assert len(kept) >= len(asked) - 4, "what was under way came back and is kept"
    with pytest.raises(UserError, match="the key is wrong"):
        failures.check(JUDGE)


def test_what_is_paid_is_kept_before_a_repair_can_fail(tmp_path):
    repairs = {(f"p{n:03}", "ab") for n in range(0, 10, 3)}
    _, kept, failures = buy(tmp_path, wanted(10), batch=5, at_once=1, repairs=repairs, failing_repairs=True)
    assert len(kept) == 20
    assert (
        {key for key, answer in kept.items() if answer.cause == "unreadable"}
        == repairs
        == set(failures.orders)
    )
    with pytest.raises(Transient, match="4 calls"):
        failures.check(JUDGE)


def test_the_outlook_counts_calls_exactly_and_learns_rates(tmp_path):
    wanted = request(tmp_path, pairs(12), label(URL, {"calls": 18}))
    ledger = Ledger(wanted.work.ledger())
    everything = jobs(JUDGE, wanted.pairs, ledger)
    first = LABELER.outlook(wanted)
    assert first.pairs["pair_id"].tolist() == [job.pair_id for job in everything]
    assert first.pairs["calls"].tolist() == [2] * 9 + [0] * 3
    assert first.pairs["within"].tolist() == [True] * 9 + [False] * 3
    assert first.pairs["characters"].tolist() == [len(job.chat("ba")[0]["content"]) for job in everything]
    assert Costs(first).rates is None
    assert Costs(first).seconds_a_call is None

    one, two, three = (job.pair_id for job in everything[:3])
    ledger.put_answers([
        answer(one, "ab", tokens=300),
        answer(two, "ab", tokens=300),
        answer(two, "ba", tokens=300),
        answer(three, "ab", tokens=300),
        answer(three, "ba", calls=2, tokens=9000),
    ])  # fmt: skip
    ledger.put(combine([job for job in jobs(JUDGE, wanted.pairs, ledger) if job.pair_id == two]))
    later = LABELER.outlook(wanted)
    then = later.pairs
    assert then.loc[[one, two, three], "calls"].tolist() == [1, 0, 0]
    assert then.loc[[one, two, three], "known_calls"].tolist() == [1, 2, 3]
    assert then["within"].sum() == 8, "the repair took the place of a pair"
    read, written = Costs(later).rates
    characters = 1 * then.loc[one, "characters"] + 2 * then.loc[two, "characters"]
    assert read == pytest.approx(900 / characters)
    assert written == 10.0
    assert Costs(later).seconds_a_call == pytest.approx(0.5 / 6)
    assert {job.pair_id for job in jobs(JUDGE, wanted.pairs, ledger) if not job.missing} == {two, three}
    ledger.close()


def test_an_answer_is_in_the_ledger_when_keeping_it_returns(tmp_path):
    path = tmp_path / "ledger.sqlite"
    names = [f"p{n}" for n in range(60)]

    async def keep_all():
        mine, other = Ledger(path), Ledger(path)
        keep = _Keep(mine)

        async def one(pair):
            await keep([answer(pair, "ab")])
            return (pair, "ab") in other.answers(JUDGE.fingerprint, [pair])

        kept = await asyncio.gather(*map(one, names))
        mine.close()
        other.close()
        return kept

    assert all(asyncio.run(keep_all()))
