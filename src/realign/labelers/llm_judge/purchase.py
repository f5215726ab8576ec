"""Getting a docket judged: what is missing is bought, and both orders become verdicts in the ledger."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from realign.labelers.llm_judge import local
from realign.labelers.llm_judge.budget import Cost, reserve
from realign.labelers.llm_judge.buy import Outcome, Wanted, buy
from realign.labelers.llm_judge.docket import Docket, Known, known, paid_for
from realign.labelers.llm_judge.orders import verdicts
from realign.labelers.llm_judge.writer import Writer
from realign.progress import progress
from realign.store import ledger_batches as batches
from realign.store.ledger import Answer, Ledger


def judge(cases: Docket, path: Path, shared: Path) -> pd.DataFrame:
    """Have the pairs judged that the budget pays for, and each answer durable the moment it is there.

    Args:
        cases: the judge and the pairs.
        path: the ledger.
        shared: the folder of batches that teammates share; they are taken in first.

    Returns:
        Rows of the verdicts table for those pairs.

    Raises:
        Transient: calls got no answer; what came is in the ledger, and the same command goes on.
        UserError: the judge refuses to be asked.
    """
    ledger = Ledger(path)
    try:
        batches.merge(ledger, shared)
        so_far = known(cases, ledger)
        outcome = _bought(cases, so_far, ledger, path)
        so_far = known(cases, ledger)
        _settle(cases, so_far, ledger)
        outcome.check(str(cases.brief.judge.server))
        return ledger.verdicts(cases.brief.fingerprint, paid_for(cases, so_far))
    finally:
        ledger.close()


def _bought(cases: Docket, so_far: Known, ledger: Ledger, path: Path) -> Outcome:
    chosen = paid_for(cases, so_far)
    todo = [(pair, shown) for pair in chosen for shown in so_far.missing[pair]]
    if not todo:
        return Outcome({})
    with progress(2 * len(chosen), "judge", "answers", done=2 * len(chosen) - len(todo)) as bar:
        if not cases.brief.local:
            return asyncio.run(_asked(cases, so_far, path, bar))

        def keep(answer: Answer) -> None:
            ledger.put_answer(answer)
            bar.update(1)

        local.answer(cases.brief, [(*case, partial(cases.chat, *case)) for case in todo], keep)
        return Outcome({})


async def _asked(cases: Docket, so_far: Known, path: Path, bar: tqdm[None]) -> Outcome:
    from realign.labelers.llm_judge.server import Server

    wanted = (
        Wanted(
            pair,
            so_far.missing[pair],
            reserve(cases.brief, cases.characters[pair]),
            so_far.cost(pair),
            partial(cases.chat, pair),
        )
        for pair in cases.prompts
    )

    def price(answer: Answer) -> Cost:
        return Cost(answer.calls, cases.brief.money(answer.tokens_in, answer.tokens_out))

    async with Server(cases.brief) as server, Writer(path) as writer:

        async def keep(answer: Answer) -> None:
            await writer.keep(answer)
            bar.update(1)

        at_once = cases.brief.judge.concurrency
        return await buy(wanted, cases.budget, at_once, server.ask, keep, price)


def _settle(cases: Docket, so_far: Known, ledger: Ledger) -> None:
    """Make verdicts of the pairs both of whose orders are answered."""
    fingerprint = cases.brief.fingerprint
    done = [pair for pair in cases.prompts if not so_far.missing[pair]]
    judged = set(ledger.verdicts(fingerprint, done)["pair_id"])
    new = {pair: cases.prompts[pair] for pair in done if pair not in judged}
    ledger.put(verdicts(new, ledger.answers(fingerprint, new), cases.brief))
