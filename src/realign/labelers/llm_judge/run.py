"""Labeling pairs with a judge: what is missing is asked, and the answers to both orders become a label."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import pandas as pd
from tqdm import tqdm

from realign.config.params import Budget
from realign.errors import Transient, UserError, listing
from realign.labelers.llm_judge.backend import Call, Client, Completion, Failed
from realign.labelers.llm_judge.budget import Cost, Spending
from realign.labelers.llm_judge.jobs import ORDERS, Job, jobs, paid_for
from realign.labelers.llm_judge.parse import Reply, Unreadable
from realign.labelers.llm_judge.prompt import repair
from realign.labelers.llm_judge.spec import KIND, JudgeSpec
from realign.progress import progress
from realign.store import ids
from realign.store import ledger_batches as batches
from realign.store.host import Host
from realign.store.labels import SIDES, Label
from realign.store.ledger import Answer, Ledger, Shown
from realign.store.ledger_rows import label_id
from realign.store.schemas import LEDGER
from realign.store.work import Work

Order = tuple[Job, Shown]

_IN_A_ROW = 8  # calls that fail one after another, all their retries included, before no more are made
_DECIMALS = 6
_PLACES = {"ab": {"first": "a", "second": "b"}, "ba": {"first": "b", "second": "a"}}


def label_with_judge(spec: JudgeSpec, pairs: pd.DataFrame, budget: Budget, work: Work) -> pd.DataFrame:
    """Label the pairs that the budget pays for; each answer is durable the moment it is there.

    Args:
        spec: the judge.
        pairs: columns pair_id, prompt_id, messages, text_a, text_b; each pair once.
        budget: what they may cost.
        work: holds the ledger, into which the batches that teammates share are taken first.

    Returns:
        Rows of the ledger table for those pairs.

    Raises:
        Transient: calls got no answer; what came is in the ledger, and the same command goes on.
        UserError: the judge cannot be asked.
    """
    with closing(Ledger(work.ledger())) as ledger:
        batches.merge(ledger, work.shared_ledger())
        wanted = jobs(spec, pairs, ledger)
        paid = paid_for(wanted, budget)
        todo, failures = sum(len(job.missing) for job in paid), Failures()
        if todo:
            with progress(2 * len(paid), "judge", "answers", done=2 * len(paid) - todo) as bar:
                failures = asyncio.run(ask(spec, wanted, budget, ledger, work.host, bar))
            wanted = jobs(spec, pairs, ledger)
        ledger.put(combine([job for job in wanted if len(job.answers) == len(ORDERS)]))
        failures.check(spec)
        return ledger.labels(spec.fingerprint, [job.pair_id for job in paid_for(wanted, budget)])


@dataclass
class Failures:
    """Orders without an answer, and why.

    Attributes:
        orders: by (pair id, shown).
        in_a_row: how many of the last calls failed.
        given_up: whether so many failed in a row that the rest was not asked.
    """

    orders: dict[tuple[str, str], Failed] = field(default_factory=dict)
    in_a_row: int = 0
    given_up: bool = False

    def check(self, spec: JudgeSpec) -> None:
        """Say what is missing, if anything.

        Raises:
            Transient: calls failed in a way that may pass; the same command goes on.
            UserError: the judge refused calls for what they are.
        """
        if not self.orders:
            return
        reasons = sorted({str(error) for error in self.orders.values()})
        counts = [f"{sum(str(e) == why for e in self.orders.values())} x {why}" for why in reasons]
        head = f"{len(self.orders)} calls to {spec.judge.server or spec.name} got no answer"
        head += ", so the rest was not asked" if self.given_up else ""
        head += ". Every answer that came is in the ledger; "
        if any(error.passes for error in self.orders.values()):
            message = listing(f"{head}the same command goes on from there:", counts, 5)
            raise Transient(message, code="judge.no_answer")
        mend = "mend label.judge, or lower prepare.max_chars if they are too long"
        raise UserError(listing(f"{head}{mend}:", counts, 5), code="judge.refused_calls")


async def ask(
    spec: JudgeSpec, wanted: Sequence[Job], budget: Budget, ledger: Ledger, host: Host, bar: tqdm[None]
) -> Failures:
    """Ask for the orders that are missing, pair after pair, up to the cap; each answer is kept at once.

    Args:
        spec: the judge.
        wanted: all jobs in the order in which they are paid for, finished ones too: they count.
        budget: at its cap no further pair is asked.
        ledger: where answers go.
        host: clock and environment.
        bar: counts answers.

    Returns:
        What failed; every other order is answered.

    Raises:
        UserError: the judge refuses every call.
    """
    client = spec.backend.connect(spec.judge, spec.form, host)
    spending, slots = Spending(budget), asyncio.Semaphore(client.at_once)
    failures, keep = Failures(), _Keep(ledger)
    batch: list[Order] = []

    async def answer(orders: Sequence[Order]) -> None:
        try:
            answers = await _answers(client, spec, orders, host)
            await keep(answers)
        except Failed as error:
            failures.orders |= {(job.pair_id, shown): error for job, shown in orders}
            failures.in_a_row += len(orders)
            costs = [job.reserve for job, _ in orders]  # it may have been sold, and it will be asked again
        else:
            failures.in_a_row = 0
            costs = [Cost(a.calls, spec.money(a.tokens_in, a.tokens_out)) for a in answers]
            bar.update(len(answers))
        finally:
            slots.release()
        for (job, _), cost in zip(orders, costs, strict=True):
            spending.paid(job.pair_id, cost)

    try:
        async with asyncio.TaskGroup() as group:

            async def send() -> None:
                await slots.acquire()
                group.create_task(answer(tuple(batch)))
                batch.clear()

            for job in wanted:
                if batch and not spending.fits(job.reserve):
                    await send()  # what is under way must come back before there is room for more
                if not await spending.pays(job.pair_id, job.reserve, job.cost, len(job.missing)):
                    break
                for shown in job.missing:
                    batch.append((job, shown))
                    if len(batch) == client.batch:
                        await send()
                if failures.in_a_row >= max(_IN_A_ROW, client.at_once):
                    failures.given_up = True
                    break
            if batch:
                await send()
    except* UserError as refusals:
        raise refusals.exceptions[0] from None
    finally:
        await client.close()
    return failures


async def _answers(client: Client, spec: JudgeSpec, orders: Sequence[Order], host: Host) -> list[Answer]:
    """The answers to these orders, each parsed here and nowhere else; one repair of those that cannot be read."""
    began = host.monotonic()
    keys = [(spec.fingerprint, job.pair_id, shown) for job, shown in orders]
    chats = [job.chat(shown) for job, shown in orders]
    calls = [Call(ids.digest("call", *key), chat) for key, chat in zip(keys, chats, strict=True)]
    completions = {at: [completion] for at, completion in enumerate(await client.ask(calls))}
    replies = {at: _parsed(spec, made[-1].text) for at, made in completions.items()}
    unreadable = {at: reply for at, reply in replies.items() if isinstance(reply, Unreadable)}
    if spec.form.repairs and unreadable:
        texts = {at: completions[at][-1].text for at in unreadable}
        repairs = [
            Call(
                ids.digest("repair", *keys[at], ids.digest(texts[at])), repair(chats[at], texts[at], str(why))
            )
            for at, why in unreadable.items()
        ]
        for at, completion in zip(unreadable, await client.ask(repairs), strict=True):
            completions[at].append(completion)
            replies[at] = _parsed(spec, completion.text)
    seconds = round((host.monotonic() - began) / len(orders), 3)
    given_at = host.now().isoformat(timespec="milliseconds")
    return [
        _answer(spec, *orders[at], completions[at], replies[at], seconds, given_at)
        for at in range(len(orders))
    ]


def _parsed(spec: JudgeSpec, text: str) -> Reply | Unreadable:
    try:
        return spec.form.read(text)
    except Unreadable as error:
        return error


def _answer(
    spec: JudgeSpec,
    job: Job,
    shown: Shown,
    completions: Sequence[Completion],
    reply: Reply | Unreadable,
    seconds: float,
    given_at: str,
) -> Answer:
    """What a reply says of the pair's own sides, with what it took."""
    label, p_a, rationale = Label.ABSTAIN.value, 0.5, ""
    if isinstance(reply, Reply):
        label = _PLACES[shown].get(reply.better, reply.better)
        p_a = reply.p_first if shown == "ab" else 1 - reply.p_first
        rationale = reply.rationale
    return Answer(
        pair_id=job.pair_id,
        fingerprint=spec.fingerprint,
        shown=shown,
        text=completions[-1].text,
        label=label,
        p_a=p_a,
        rationale=rationale,
        calls=len(completions),
        tokens_in=sum(completion.tokens_in for completion in completions),
        tokens_out=sum(completion.tokens_out for completion in completions),
        seconds=seconds,
        given_at=given_at,
    )


class _Keep:
    """Writes answers to the ledger from another thread: while the disk confirms some, the next ones arrive."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pending: list[Answer] = []
        self._turn = asyncio.Lock()

    async def __call__(self, answers: Sequence[Answer]) -> None:
        """Returns when the answers are durable; whoever has the turn writes for all who came meanwhile."""
        self._pending += answers
        async with self._turn:
            if answers[-1] in self._pending:
                batch, self._pending = self._pending, []
                await asyncio.to_thread(self._ledger.put_answers, batch)


def combine(finished: Sequence[Job]) -> pd.DataFrame:
    """Both orders of each pair as one row of the ledger table.

    Both name a winner, the same: it wins, with the mean of their probabilities. They differ in any way: a
    tie with probability 1/2. One of them cannot be read: the judge abstains.
    """
    rows = []
    for job in finished:
        ab, ba = job.answers
        readable = Label.ABSTAIN not in (ab.label, ba.label)
        same = ab.label == ba.label
        winner = Label.ABSTAIN.value if not readable else ab.label if same else Label.TIE.value
        tokens_in, tokens_out = ab.tokens_in + ba.tokens_in, ab.tokens_out + ba.tokens_out
        rows.append(
            {
                "label_id": label_id(job.pair_id, job.spec.fingerprint),
                "pair_id": job.pair_id,
                "prompt_id": job.prompt_id,
                "fingerprint": job.spec.fingerprint,
                "kind": KIND,
                "labeler": job.spec.name,
                "annotator": "",
                "occasion": 0,
                "winner": winner,
                "p_a": round((ab.p_a + ba.p_a) / 2, _DECIMALS) if winner in SIDES else 0.5,
                "consistent": same if readable else None,
                "answer_ab": ab.text,
                "answer_ba": ba.text,
                "label_ab": ab.label,
                "label_ba": ba.label,
                "rationale": "\n\n".join(filter(None, (ab.rationale, ba.rationale))) or None,
                "confidence": None,
                "calls": ab.calls + ba.calls,
                "tokens_in": tokens_in,
                "tokens_out": tokens_out,
                "price": job.spec.money(tokens_in, tokens_out),
                "seconds": ab.seconds + ba.seconds,
                "given_at": max(ab.given_at, ba.given_at),
            }
        )
    return pd.DataFrame(rows, columns=LEDGER.names)
