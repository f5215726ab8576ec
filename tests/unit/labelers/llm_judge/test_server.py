"""Asking over real HTTP: whatever the server does, an answer is whole, or the call says why there is none."""

import asyncio
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
from fake_judge_server import Running
from judge_builders import label, pairs, spec

from realign.errors import Transient, UserError
from realign.labelers.llm_judge import concurrency
from realign.labelers.llm_judge.concurrency import Limit
from realign.labelers.llm_judge.jobs import jobs
from realign.labelers.llm_judge.run import ask as ask_judge
from realign.progress import progress
from realign.store.host import Host
from realign.store.ledger import Ledger

FAULTS = ("429", "500", "truncated", "wrong_type", "garbage", "reset", "hang", "drip")


def answers(folder, url, number=1, environ=None, concurrency=1, **judge):
    """The answers to the first order of so many pairs."""
    settings = label(url, concurrency=concurrency, **judge)
    judge, host = spec(settings), Host() if environ is None else Host(environ)
    ledger = Ledger(folder / "ledger.sqlite")
    wanted = [replace(job, missing=("ab",)) for job in jobs(judge, pairs(number), ledger)]
    with progress(number, "judge", "answers") as bar:
        failures = asyncio.run(ask_judge(judge, wanted, settings.budget, ledger, host, bar))
    kept = ledger.answers(judge.fingerprint, pairs(number)["pair_id"])
    ledger.close()
    failures.check(judge)
    return list(kept.values())


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
    server = fake(rates={fault: 1.0}, hang=3600.0)  # the test would hang as long
    with pytest.raises(Transient, match=r"1 x .+"):
        ask(server.url, timeout=0.3, retries=1)
    counts = server.counts()
    assert (counts["requests"], counts["sold"]) == (2, 0)


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
    [(401, "key_variable"), (402, "credit"), (404, "has no model 'fake'")],
)
def test_a_refusal_of_every_call_says_what_to_mend(fake, status, words, ask):
    server = fake(always=status)
    with pytest.raises(UserError, match=words) as told:
        ask(server.url)
    assert server.url in str(told.value)
    assert server.counts()["requests"] == 1


def test_a_key_that_is_forbidden_everything_is_named(fake, ask):
    server = fake(always=403)
    with pytest.raises(UserError, match="key_variable") as refusal:
        ask(server.url)
    assert refusal.value.code == "judge.key_refused"


def test_a_call_that_is_refused_for_what_it_is_will_not_pass(fake, ask):
    server = fake(always=400)
    with pytest.raises(UserError, match="as planned") as refusal:
        ask(server.url)
    assert refusal.value.code == "judge.refused_calls"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8000", "http://127.0.0.1:99999/v1", "http://127.0.0.1:0/v1", "http://[::1/v1", "http://[zz]/v1",
     "http://", "ftp://127.0.0.1/v1", "http://a b/v1", "http://127.0.0.1:80a/v1"],
)  # fmt: skip
def test_a_wrong_address_is_one_line_before_anything_is_sent(ask, address):
    with pytest.raises(
        UserError, match=r"label\.judge\.server: .* is no address.*http://127\.0\.0\.1:8000/v1"
    ) as refusal:
        ask(address, environ={})
    assert len(str(refusal.value).splitlines()) == 2


def test_a_key_is_asked_for_before_anything_is_sent(ask):
    with pytest.raises(UserError, match=r"OPENAI_API_KEY is not set, and https://judge\.invalid/v1"):
        ask("https://judge.invalid/v1", environ={})


def test_the_same_call_has_the_same_key_and_another_call_another(fake, tmp_path, ask):
    server = fake(honours_keys=True)
    first = ask(server.url, 3)
    again = answers(tmp_path / "another workspace", server.url, 3)
    assert [answer.text for answer in again] == [answer.text for answer in first]
    assert server.counts()["sold"] == 3, "a server that honours the key sells it once"
    assert len({sale["key"] for sale in server.sales()}) == 3


def test_the_limit_halves_once_for_all_that_were_under_way_and_grows_back():
    async def story():
        limit = Limit(8, count().__next__)
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


def test_the_limit_lets_no_more_in_than_it_may():
    async def story():
        limit, inside, most = Limit(3, lambda: 0.0), 0, 0

        async def call():
            nonlocal inside, most
            async with limit.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(call() for _ in range(20)))
        assert most == 3

    asyncio.run(story())


def test_the_limit_lets_nobody_in_while_it_is_shut(monkeypatch):
    now = 100.0
    limit = Limit(3, lambda: now)

    async def sleep(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(concurrency.asyncio, "sleep", sleep)

    async def story():
        limit.refused(now, 7.5)
        async with limit.turn() as began:
            assert began == 107.5

    asyncio.run(story())


def test_too_many_at_once_is_answered_with_fewer(fake, ask):
    server = fake(latency=0.02, most=4, retry_after=0.02)
    assert len(ask(server.url, 60, concurrency=16, retries=9)) == 60
    counts = server.counts()
    assert counts["sold"] == 60
    assert 0 < counts["faults"]["too many"] < 60
