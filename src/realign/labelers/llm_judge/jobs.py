"""The pairs that a judge is to label: what it reads of each, what the ledger holds, what the budget pays for."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from realign.config.params import Budget
from realign.labelers.llm_judge.budget import NOTHING, Cost, in_order, reserve, within
from realign.labelers.llm_judge.parse import EMPTY, UNREADABLE
from realign.labelers.llm_judge.spec import JudgeSpec
from realign.store.ids import Message
from realign.store.labels import Label
from realign.store.ledger import Answer, Ledger, Shown

ORDERS: tuple[Shown, Shown] = ("ab", "ba")

_COUNTS = ("calls", "tokens_in", "tokens_out", "seconds")


@dataclass(frozen=True)
class Job:
    """A pair that one judge is to label.

    Attributes:
        spec: the judge.
        pair_id: the pair.
        prompt_id: its prompt.
        material: JSON of the conversation, text a and text b.
        characters: of the prompt in one order; the other order is as long.
        reserve: what is set aside before it is asked.
        answers: by order, those that are in the ledger and not in a label yet.
        missing: the orders that are to be asked; none where the ledger has the label.
        known: calls, tokens_in, tokens_out and seconds so far.
    """

    spec: JudgeSpec
    pair_id: str
    prompt_id: str
    material: tuple[str, str, str]
    characters: int
    reserve: Cost
    answers: dict[Shown, Answer]
    missing: tuple[Shown, ...]
    known: dict[str, float]

    def chat(self, shown: Shown) -> list[Message]:
        """What the judge reads of the pair in one order."""
        return self.spec.chat(*self.material, shown)

    @property
    def answered(self) -> bool:
        """Whether its answers can become a label."""
        return bool(self.answers) and not self.missing

    @property
    def cost(self) -> Cost:
        """The cost so far."""
        if not self.known["calls"]:
            return NOTHING
        return Cost(
            int(self.known["calls"]), self.spec.money(self.known["tokens_in"], self.known["tokens_out"])
        )


def jobs(spec: JudgeSpec, pairs: pd.DataFrame, ledger: Ledger) -> list[Job]:
    """A job a pair, in the order in which they are paid for.

    Args:
        spec: the judge.
        pairs: columns pair_id, prompt_id, messages, text_a, text_b; each pair once.
        ledger: holds labels, and answers that did not become labels yet.
    """
    rows = pairs.set_index("pair_id").reindex(in_order(pairs["pair_id"]))
    labeled = ledger.labels(spec.fingerprint, rows.index).set_index("pair_id")
    counts = dict(zip(labeled.index, labeled[list(_COUNTS)].to_dict("records"), strict=True))
    answers = ledger.answers(spec.fingerprint, [pair for pair in rows.index if pair not in counts])
    everything = []
    columns = ("prompt_id", "messages", "text_a", "text_b")
    for pair, prompt, messages, text_a, text_b in rows[list(columns)].itertuples(name=None):
        there = {shown: answers[pair, shown] for shown in ORDERS if (pair, shown) in answers}
        asked = {shown for shown, answer in there.items() if not to_ask(spec, answer)}
        material = (messages, text_a, text_b)
        characters = sum(len(turn["content"]) for turn in spec.chat(*material, "ab"))
        everything.append(
            Job(
                spec,
                pair,
                prompt,
                material,
                characters,
                reserve(spec, characters),
                answers=there,
                missing=() if pair in counts else tuple(shown for shown in ORDERS if shown not in asked),
                known=counts.get(pair)
                or {name: sum(getattr(answer, name) for answer in there.values()) for name in _COUNTS},
            )
        )
    return everything


def to_ask(spec: JudgeSpec, answer: Answer) -> bool:
    """Whether an order with this answer is to be asked: somebody wants another one, or it waits for its repair."""
    return answer.label == Label.ABSTAIN and (answer.ask_again or to_repair(spec, answer))


def to_repair(spec: JudgeSpec, answer: Answer) -> bool:
    """Whether the judge is to give this answer again in a form that can be read."""
    return (
        spec.form.repairs
        and answer.cause in (UNREADABLE, EMPTY)
        and not answer.repair
        and not answer.ask_again
    )


def paid_for(work: Sequence[Job], budget: Budget) -> list[Job]:
    """The jobs that the budget pays for, in the order in which they are paid for."""
    reserves = {job.pair_id: job.reserve for job in work}
    known = {job.pair_id: job.cost for job in work if not job.missing}
    return list(work[: len(within(reserves, reserves, known, budget))])


def outlook(work: Sequence[Job], budget: Budget) -> pd.DataFrame:
    """What these jobs take, if no answer needs a repair: labelers.base.Outlook.pairs. Nothing is asked."""
    paid = len(paid_for(work, budget))
    rows = [
        {
            "pair_id": job.pair_id,
            "within": place < paid,
            "calls": len(job.missing) if place < paid else 0,
            "characters": job.characters,
            **{f"known_{name}": value for name, value in job.known.items()},
        }
        for place, job in enumerate(work)
    ]
    columns = ["pair_id", "within", "calls", "characters", *(f"known_{name}" for name in _COUNTS)]
    return pd.DataFrame(rows, columns=columns).set_index("pair_id", drop=False)
