"""Labeling pairs with a judge: what is missing is asked, and the answers to both orders become a label."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import pandas as pd
from tqdm import tqdm

from realign.config.params import Budget
from realign.errors import Transient, UserError, listing
from realign.labelers.llm_judge.backend import Call, Client, Completion, Failed, Refused
from realign.labelers.llm_judge.budget import NOTHING, Cost, Spending
from realign.labelers.llm_judge.jobs import ORDERS, Job, jobs, paid_for, to_repair
from realign.labelers.llm_judge.parse import CAUSES, CUT, EMPTY, REFUSED, UNREADABLE, Unreadable
from realign.labelers.llm_judge.prompt import repair
from realign.labelers.llm_judge.spec import KIND, JudgeSpec
from realign.progress import progress, say
from realign.store import ids
from realign.store import ledger_batches as batches
from realign.store.host import Host
from realign.store.labels import SIDES, Label
from realign.store.ledger import Answer, Ledger, Shown
from realign.store.ledger_rows import label_id
from realign.store.schemas import LEDGER
from realign.store.work import Work

_IN_A_ROW = 8  # calls that fail one after another, all their retries included, before no more are made
_DECIMALS = 6
_WORDS = 500  # characters of a server's words that are kept
_PLACES = {"ab": {"first": "a", "second": "b"}, "ba": {"first": "b", "second": "a"}}


def label_with_judge(spec: JudgeSpec, pairs: pd.DataFrame, budget: Budget, work: Work) -> pd.DataFrame:
    """Label the pairs that the budget pays for; each answer is durable the moment it is there.

    Only one process at a time asks a judge: the next one finds the answers of the first in the ledger, and
    both keep to the budget.

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
    with closing(Ledger(work.ledger())) as ledger, work.claim(f"judge-{spec.fingerprint}"):
        batches.merge(ledger, work.shared_ledger())
        ledger.ask_again(spec.fingerprint, pairs["pair_id"], EMPTY)
        wanted = jobs(spec, pairs, ledger)
        paid = paid_for(wanted, budget)
        todo, failures = sum(len(job.missing) for job in paid), Failures()
        known = len(ORDERS) * len(paid) - todo
        say(f"{spec.name}: {known} answers come from the ledger, {todo} are asked for")
        if todo:
            with progress(known + todo, "judge", "answers", done=known) as bar:
                failures = asyncio.run(ask(spec, wanted, budget, ledger, work.host, bar))
            wanted = jobs(spec, pairs, ledger)
        answered = [job for job in wanted if job.answered]
        ledger.put(combine(answered))
        ledger.asked_again(spec.fingerprint, [job.pair_id for job in answered])
        failures.check(spec)
        labels = ledger.labels(spec.fingerprint, [job.pair_id for job in paid_for(wanted, budget)])
    for cause, count in abstentions(labels).items():
        say(f"{spec.name}: {count} answers {_MENDS[cause]}")
    return labels


_MENDS = {
    CAUSES[CUT]: "were cut at max_tokens: raise label.judge.max_tokens",
    CAUSES[REFUSED]: "were refused by the server: realign ledger show PAIR shows its words",
    CAUSES[EMPTY]: "were empty: the next run asks for them again",
    CAUSES[
        UNREADABLE
    ]: "cannot be read: realign ledger show PAIR shows them, --ask-again asks for them again",
}


def abstentions(labels: pd.DataFrame) -> dict[str, int]:
    """How many answers hold no label, by why. Rows of the ledger table."""
    whys = labels.loc[labels["winner"] == Label.ABSTAIN, "rationale"].dropna().str.split("\n\n").explode()
    known = set(CAUSES.values())
    heads = (why.partition(":")[0] for why in whys)
    counts = Counter(head if head in known else CAUSES[UNREADABLE] for head in heads)
    return dict(sorted(counts.items()))


@dataclass
class Failures:
    """Orders without an answer, and why.

    Attributes:
        orders: by (pair id, shown); with how many calls had been answered before.
        answered: calls that were answered.
        in_a_row: how many of the last calls failed.
        given_up: whether so many failed in a row that the rest was not asked.
        of_all: why the server takes no call at all.
    """

    orders: dict[tuple[str, Shown], tuple[Failed, int]] = field(default_factory=dict)
    answered: int = 0
    in_a_row: int = 0
    given_up: bool = False
    of_all: UserError | None = None

    def add(self, orders: Sequence[Order], error: Failed) -> None:
        """These calls failed."""
        self.orders |= {(order.job.pair_id, order.shown): (error, self.answered) for order in orders}
        if not (isinstance(error, Refused) and error.of_text):
            self.in_a_row += len(orders)

    def refused_texts(self, known: bool) -> dict[tuple[str, Shown], Refused]:
        """The orders that the server refuses for what they ask, taken out: it does answer others.

        Where the server's words do not tell, it counts that calls after it were answered, or that it is not one
        of many refusals in a row: the end of the credit is no abstention.

        Args:
            known: whether this judge has answered anything in an earlier run.
        """
        refused = {}
        for key, (error, answered) in self.orders.items():
            if not isinstance(error, Refused) or error.of_text is False:
                continue
            others = self.answered > 0 or (known and (error.of_text or error.mend is None))
            if others and (error.of_text or answered < self.answered or not self.given_up):
                refused[key] = error
        self.orders = {key: one for key, one in self.orders.items() if key not in refused}
        return refused

    def check(self, spec: JudgeSpec) -> None:
        """Say what is missing, if anything.

        Raises:
            Transient: calls failed in a way that may pass; the same command goes on.
            UserError: the judge refused calls for what they are, or all calls.
        """
        errors = [error for error, _ in self.orders.values()]
        mends = [error.mend for error in errors if isinstance(error, Refused) and error.mend]
        if self.of_all or (mends and len(mends) == len(errors)):
            raise self.of_all or mends[0]
        if not errors:
            return
        counts = [f"{count} x {why}" for why, count in sorted(Counter(map(str, errors)).items())]
        head = f"{len(errors)} calls to {spec.judge.server or spec.name} got no answer"
        head += ", so the rest was not asked" if self.given_up else ""
        head += ". Every answer that came is in the ledger; "
        if any(error.passes for error in errors):
            message = listing(f"{head}the same command goes on from there:", counts)
            raise Transient(message, code="judge.no_answer")
        mend = "mend label.judge, or lower prepare.max_chars if they are too long"
        raise UserError(listing(f"{head}{mend}:", counts), code="judge.refused_calls")


@dataclass(eq=False)
class Order:
    """One order of a pair that is asked.

    Attributes:
        job: the pair.
        shown: the order.
        last: what was answered so far, in earlier runs too.
        cost: of the calls of this run.
    """

    job: Job
    shown: Shown
    last: Answer | None
    cost: Cost = NOTHING

    @property
    def repair(self) -> bool:
        """Whether the judge is shown its last answer, to give it again in a form that can be read."""
        return self.last is not None and to_repair(self.job.spec, self.last)

    def call(self) -> Call:
        """The next question: the same in every run that knows the same answers."""
        chat = self.job.chat(self.shown)
        key = (self.job.spec.fingerprint, self.job.pair_id, self.shown)
        if self.last is None:
            return Call(ids.digest("call", *key), chat)
        if not self.repair:
            return Call(ids.digest("call", *key, str(self.last.calls)), chat)
        why = self.last.rationale.partition(": ")[2] or self.last.rationale
        return Call(ids.digest("repair", *key, ids.digest(self.last.text)), repair(chat, self.last.text, why))

    def take(self, completion: Completion, seconds: float, given_at: str) -> Answer:
        """The completion of the call as an answer, parsed here and nowhere else; it becomes the last one."""
        answer = _answer(self, completion, seconds, given_at)
        self.cost += Cost(1, self.job.spec.money(answer.tokens_in, answer.tokens_out))
        self.last = replace(answer, calls=answer.calls + (self.last.calls if self.last else 0))
        return answer


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
        UserError: the judge cannot be asked at all.
    """
    client = spec.backend.connect(spec.judge, spec.form, host)
    spending, slots = Spending(budget), asyncio.Semaphore(client.at_once)
    failures, keep = Failures(), _Keep(ledger)
    batch: list[Order] = []

    async def answer(orders: Sequence[Order]) -> None:
        todo, lost = list(orders), NOTHING
        try:
            while todo:
                await keep(await _answers(client, todo, host))  # before a repair can fail
                failures.answered += len(todo)
                failures.in_a_row = 0
                bar.update(sum(not order.repair for order in todo))
                todo = [order for order in todo if order.repair]
        except Failed as error:
            failures.add(todo, error)
            lost = todo[0].job.reserve  # it may have been sold, and it will be asked again
        except UserError as error:
            failures.of_all = failures.of_all or error
        finally:
            slots.release()
        for order in orders:
            spending.paid(order.job.pair_id, order.cost + (lost if order in todo else NOTHING))

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
                    batch.append(Order(job, shown, job.answers.get(shown)))
                    if len(batch) == client.batch:
                        await send()
                failures.given_up = failures.in_a_row >= max(_IN_A_ROW, client.at_once)
                if failures.given_up or failures.of_all:
                    break
            if batch:
                await send()
    finally:
        await client.close()
    refused = failures.refused_texts(ledger.knows(spec.fingerprint))
    now = host.now().isoformat(timespec="milliseconds")
    by_key = {(job.pair_id, shown): Order(job, shown, None) for job in wanted for shown in job.missing}
    ledger.put_answers(
        [
            _answer(by_key[key], Completion(str(error), 0, 0, REFUSED), 0.0, now)
            for key, error in refused.items()
        ]
    )
    return failures


async def _answers(client: Client, orders: Sequence[Order], host: Host) -> list[Answer]:
    """The answers to these orders, one call each."""
    began = host.monotonic()
    completions = await client.ask([order.call() for order in orders])
    seconds = round((host.monotonic() - began) / len(orders), 3)
    given_at = host.now().isoformat(timespec="milliseconds")
    return [order.take(made, seconds, given_at) for order, made in zip(orders, completions, strict=True)]


def _answer(order: Order, completion: Completion, seconds: float, given_at: str) -> Answer:
    """What a completion says of the pair's own sides, or why it says nothing, and what it took."""
    job, shown = order.job, order.shown
    label, p_a, cause = Label.ABSTAIN.value, 0.5, ""
    try:
        reply = job.spec.form.read(completion.text, completion.cause == CUT)
    except Unreadable as error:
        cause = completion.cause or UNREADABLE
        detail = {UNREADABLE: f": {error}", REFUSED: f": {completion.text[:_WORDS]}"}.get(cause, "")
        rationale = CAUSES[cause] + " ".join(detail.split("\n"))
    else:
        label = _PLACES[shown].get(reply.better, reply.better)
        p_a = reply.p_first if shown == "ab" else 1 - reply.p_first
        rationale = reply.rationale
    return Answer(
        pair_id=job.pair_id,
        fingerprint=job.spec.fingerprint,
        shown=shown,
        text=_storable(completion.text),
        label=label,
        p_a=p_a,
        rationale=_storable(rationale),
        calls=1,
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        seconds=seconds,
        given_at=given_at,
        cause=cause,
        repair=order.repair,
    )


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode()


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
        ab, ba = (job.answers[shown] for shown in ORDERS)
        readable = Label.ABSTAIN not in (ab.label, ba.label)
        same = ab.label == ba.label
        winner = Label.ABSTAIN.value if not readable else ab.label if same else Label.TIE.value
        # Of an abstention only why there is no label, not what the readable order gave as its reason.
        reasons = [answer.rationale for answer in (ab, ba) if answer.rationale and (readable or answer.cause)]
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
                "rationale": "\n\n".join(reasons) or None,
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
