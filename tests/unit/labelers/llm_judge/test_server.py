"""Asking over real HTTP: whatever the server does, an answer is whole, or the call says why there is none."""

import asyncio
import time
from functools import partial

import pytest
from fake_judge_server import Running
from judge_builders import label, pairs, spec

from realign.errors import UserError
from realign.labelers.llm_judge import run
from realign.labelers.llm_judge.backend import Failed
from realign.labelers.llm_judge.concurrency import Limit
from realign.labelers.llm_judge.jobs import jobs
from realign.store.host import Host
from realign.store.ledger import Ledger

HOST = Host()
FAULTS = ("429", "500", "truncated", "wrong_type", "garbage", "reset", "hang", "drip")


def answers(folder, url, count=1, environ=None, at_once=False, **judge):
    """The answers to the first order of so many pairs, one after another unless all at once."""
    judge = spec(label(url, **judge))
    ledger = Ledger(folder / "ledger.sqlite")
    wanted = jobs(judge, pairs(count), ledger)
    ledger.close()

    async def all_of_them():
        client = judge.backend.connect(judge.judge, judge.form, HOST if environ is None else Host(environ))
        try:
            one_by_one = [run._answers(client, judge, [(job, "ab")], HOST) for job in wanted]
            made = await asyncio.gather(*one_by_one) if at_once else [await one for one in one_by_one]
            return [answer for (answer,) in made]
        finally:
            await client.close()

    return asyncio.run(all_of_them())


@pytest.fixture
def ask(tmp_path):
    return partial(answers, tmp_path)


@pytest.fixture
def fake(tmp_path):
    """Starts fake servers and ends them."""
    running = []

    def start(**plan):
        running.append(Running(tmp_path, latency=plan.pop("latency", 0.0), **plan))
        return running[-1]

    yield start
    for server in running:
        server.kill()


def test_an_answer_comes_with_its_tokens(fake, ask):
    server = fake()
    (found,) = ask(server.url)
    assert found.label in ("a", "b")
    assert found.calls == 1
    assert found.tokens_in > 200
    assert found.tokens_out == 26
    assert found.given_at.endswith("+00:00")
    assert server.counts()["sold"] == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_asked_through_and_bought_once(fake, fault, ask):
    server = fake(rates={fault: 0.4}, hang=2.0, seed=3, retry_after=0.01)
    found = ask(server.url, 2, timeout=0.3, retries=9)
    assert len(found) == 2
    counts = server.counts()
    assert counts["faults"][fault] >= 1
    assert (counts["sold"], counts["sold_twice"]) == (2, 0)


@pytest.mark.parametrize("fault", ["500", "truncated", "wrong_type", "reset", "drip"])
def test_a_fault_that_stays_fails_the_call_in_bounded_time(fake, fault, ask):
    server = fake(rates={fault: 1.0}, hang=30.0)
    began = time.monotonic()
    with pytest.raises(Failed) as told:
        ask(server.url, timeout=0.3, retries=1)
    assert time.monotonic() - began < 5
    assert told.value.passes
    assert str(told.value), "it says why"
    assert server.counts()["sold"] == 0


def test_what_cannot_be_read_is_asked_for_once_more(fake, ask):
    server = fake(rates={"nonsense": 0.5}, seed=1)
    found = ask(server.url, 6)
    counts = server.counts()
    assert sum(answer.calls for answer in found) == counts["sold"] > 6
    assert counts["repairs"] == sum(answer.calls == 2 for answer in found)
    assert max(answer.calls for answer in found) == 2, "one repair, no more"


def test_a_server_without_schemas_is_asked_without_and_remembered(fake, ask):
    server = fake(no_schema=True)
    found = ask(server.url, 5)
    assert len(found) == 5
    assert server.counts()["requests"] == 6, "only the first call tries the schema"


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "key_variable"), (403, "key_variable"), (402, "credit"), (404, "has no model 'fake'")],
)
def test_a_refusal_of_every_call_says_what_to_mend(fake, status, words, ask):
    server = fake(always=status)
    with pytest.raises(UserError, match=words) as told:
        ask(server.url)
    assert server.url in str(told.value)
    assert server.counts()["requests"] == 1


def test_a_call_that_is_refused_for_what_it_is_will_not_pass(fake, ask):
    server = fake(always=400)
    with pytest.raises(Failed, match="as planned") as told:
        ask(server.url)
    assert not told.value.passes


def test_addresses_and_keys_are_checked_before_anything_is_sent(ask):
    with pytest.raises(UserError, match=r"'127\.0\.0\.1:8000' is no address"):
        ask("127.0.0.1:8000", environ={})
    with pytest.raises(UserError, match=r"OPENAI_API_KEY is not set, and https://judge\.invalid/v1"):
        ask("https://judge.invalid/v1", environ={})


def test_the_same_call_has_the_same_key_and_another_call_another(fake, tmp_path, ask):
    server = fake(honours_keys=True)
    first = ask(server.url, 3)
    assert [answer.text for answer in ask(server.url, 3)] == [answer.text for answer in first]
    assert server.counts()["sold"] == 3, "a server that honours the key sells it once"
    assert len({sale["key"] for sale in server.sales()}) == 3


def test_the_limit_halves_once_for_all_that_were_under_way_and_grows_back():
    async def story():
        limit = Limit(8, time.monotonic)
        async with limit.turn() as one, limit.turn() as two:
            limit.refused(one, 0.0)
            limit.refused(two, 0.0)
            assert limit.limit == 4
        async with limit.turn() as later:
            limit.refused(later, 0.0)
            assert limit.limit == 2
        for _ in range(2):
            limit.accepted()
        assert limit.limit == 2
        for _ in range(100):
            limit.accepted()
        assert limit.limit == 8

    asyncio.run(story())


def test_the_limit_lets_no_more_in_than_it_may_and_none_while_it_is_shut():
    async def story():
        limit, inside, most = Limit(3, time.monotonic), 0, 0

        async def call():
            nonlocal inside, most
            async with limit.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(call() for _ in range(20)))
        assert most == 3
        limit.refused(time.monotonic(), 0.2)
        began = time.monotonic()
        await call()
        assert time.monotonic() - began >= 0.2

    asyncio.run(story())


def test_too_many_at_once_is_answered_with_fewer(fake, ask):
    server = fake(latency=0.02, most=4, retry_after=0.02)
    assert len(ask(server.url, 60, at_once=True, concurrency=16, retries=9)) == 60
    counts = server.counts()
    assert counts["sold"] == 60
    assert 0 < counts["faults"]["too many"] < 60
