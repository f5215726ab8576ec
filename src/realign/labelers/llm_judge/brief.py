"""What a judge is told, and the fingerprint under which the ledger keeps what it said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from realign.config.params import Judge
from realign.errors import UserError, listing
from realign.labelers.llm_judge.prompt import TEMPLATE
from realign.store import ids

KIND = "llm_judge"


@dataclass(frozen=True)
class Brief:
    """A judge with all that makes its verdicts.

    Attributes:
        judge: the settings.
        rubric: what better means.
        fingerprint: of everything a verdict depends on. A server's address is not in it: the same
            model behind another address is the same judge.
        name: the judge in words.
    """

    judge: Judge
    rubric: str
    fingerprint: str
    name: str

    @property
    def local(self) -> bool:
        """Whether the model runs here."""
        return self.judge.server is None

    def money(self, tokens_in: int, tokens_out: int) -> float:
        """The price of so many tokens, in the unit of `label.judge.price_in`; a model here costs none."""
        if self.local:
            return 0.0
        return (tokens_in * self.judge.price_in + tokens_out * self.judge.price_out) / 1e6


def brief(judge: Judge) -> Brief:
    """Read the rubric and name the judge.

    Raises:
        UserError: no readable rubric, or attributes that cannot decide; all are listed.
    """
    problems = []
    try:
        rubric = Path(judge.rubric).read_text(encoding="utf-8").strip()
        if not rubric:
            problems.append(f"label.judge.rubric: {judge.rubric} is empty; say in it what better means")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problems.append(f"label.judge.rubric: {judge.rubric} cannot be read ({why}); name a text file")
    if judge.attributes and not any(judge.attributes.values()):
        problems.append("label.judge.attributes: every weight is 0; give one another value, or set {}")
    if judge.attributes and judge.server is None:
        problems.append(
            "label.judge.attributes: a model that runs here gives one overall verdict; set {}, or name a server"
        )
    if problems:
        raise UserError(listing("the judge cannot be asked:", problems))
    name, revision = str(judge.model.name), str(judge.model.revision)
    fingerprint = ids.digest(
        KIND,
        "local" if judge.server is None else "server",
        name,
        revision,
        TEMPLATE,
        rubric,
        json.dumps(sorted(judge.attributes.items())),
        repr(float(judge.temperature)),
        str(judge.max_tokens),
    )
    return Brief(judge, rubric, fingerprint, f"{KIND}: {name}@{revision}")
