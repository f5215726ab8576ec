"""What a judge is asked, and the fingerprint under which the ledger keeps its labels."""

import json
from dataclasses import dataclass
from pathlib import Path

from realign.config.params import Judge
from realign.errors import UserError, listing
from realign.labelers.llm_judge.backend import Backend, find
from realign.labelers.llm_judge.form import Form
from realign.labelers.llm_judge.prompt import TEMPLATE, render
from realign.store import ids
from realign.store.ids import Message
from realign.store.ledger import Shown

KIND = "llm_judge"


@dataclass(frozen=True)
class JudgeSpec:
    """A judge, with all that its labels depend on.

    Attributes:
        judge: the settings.
        rubric: what better means.
        backend: where the model runs.
        form: how it is asked.
        fingerprint: of everything a label depends on. A server's address is not in it: the same
            model behind another address is the same judge.
        name: the judge in words.
    """

    judge: Judge
    rubric: str
    backend: Backend
    form: Form
    fingerprint: str
    name: str

    def chat(self, messages: str, text_a: str, text_b: str, shown: Shown) -> list[Message]:
        """What the judge reads of a pair (JSON of its conversation, both texts) that is shown in this order."""
        first, second = (text_a, text_b) if shown == "ab" else (text_b, text_a)
        return render(self.rubric, self.form.question, ids.load_messages(messages), first, second)

    def money(self, tokens_in: float, tokens_out: float) -> float:
        """The price of tokens read and written, in the unit of `label.judge.price_in`."""
        if not self.backend.priced:
            return 0.0
        return (tokens_in * self.judge.price_in + tokens_out * self.judge.price_out) / 1e6


def problems(judge: Judge) -> list[str]:
    """Settings with which this judge cannot be asked, each with its mend."""
    try:
        found = find(judge.backend).problems(judge)
    except UserError as error:
        return [str(error)]
    if judge.attributes and not any(judge.attributes.values()):
        found.append("label.judge.attributes: every weight is 0; give one another value, or set {}")
    return found


def judge_spec(judge: Judge, rubric: Path) -> JudgeSpec:
    """Read the rubric and name the judge.

    Raises:
        UserError: no readable rubric, or settings with which the judge cannot be asked; all are listed.
    """
    found = problems(judge)
    try:
        text = rubric.read_text(encoding="utf-8").strip()
        if not text:
            found.append(f"label.judge.rubric: {judge.rubric} is empty; say in it what better means")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        found.append(f"label.judge.rubric: {judge.rubric} cannot be read ({why}); name a text file")
    if found:
        raise UserError(listing("the judge cannot be asked:", found), code="judge.cannot_be_asked")
    name, revision = str(judge.model.name), str(judge.model.revision)
    fingerprint = ids.digest(
        KIND,
        judge.backend,
        name,
        revision,
        TEMPLATE,
        text,
        json.dumps(sorted(judge.attributes.items())),
        repr(judge.temperature),
        str(judge.max_tokens),
    )
    backend = find(judge.backend)
    return JudgeSpec(judge, text, backend, backend.form(judge), fingerprint, f"{KIND}: {name}@{revision}")
