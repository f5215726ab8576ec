"""A row from outside: what it may hold, and how it becomes a row of the ledger table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from realign.data.raw import BadRow
from realign.errors import UserError, listing
from realign.labelers.human import votes
from realign.labelers.human.exchange.pairs import Pairs
from realign.store.ids import Message
from realign.store.ledger_rows import is_moment, label_id

LEFT_OUT = ("no_label", "no_annotator")
"""Why an annotation is no vote, though nothing is wrong with the file."""
_SWAPPED = {"a": "b", "b": "a"}


def _utc(moment: str) -> str:
    """The moment in UTC; unchanged where it is in UTC already."""
    when = datetime.fromisoformat(moment)
    try:
        whole = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(str(error)) from None
    moment = moment if moment.endswith("+00:00") else whole
    if not is_moment(moment):
        raise ValueError("no vote was given then")
    return moment


def _unicode(text: str) -> str:
    text.encode("utf-8")  # pydantic lets half a surrogate pair through, and no table can hold it
    return text


Text = Annotated[str, AfterValidator(_unicode)]
Name = Annotated[Text, Field(min_length=1)]


class Vote(BaseModel):
    """One person's vote on one pair, a and b in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    label: Literal["a", "b", "tie", "both_bad", "abstain"]
    annotator: Name
    confidence: Annotated[int, Field(ge=1, le=3)] | None = None
    comment: Text | None = None
    occasion: Annotated[int, Field(ge=0, lt=2**31)] = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    given_at: Annotated[str, AfterValidator(_utc)] | None = None
    fingerprint: Name = votes.ELSEWHERE

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """A vote from raw fields; None counts as absent.

        Raises:
            BadRow: names every invalid field.
        """
        try:
            return cls.model_validate({key: value for key, value in fields.items() if value is not None})
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, e['loc']))}: {e['msg']} (it is {e['input']!r:.60})"
                for e in error.errors()
            ]
            raise BadRow("wrong_vote", "; ".join(problems)) from None

    @classmethod
    def of(cls, row: Any) -> Self:
        """The vote of a row of the ledger table."""
        return cls(
            label=row.winner,
            annotator=row.annotator,
            confidence=None if pd.isna(row.confidence) else int(row.confidence),
            comment=None if pd.isna(row.rationale) else row.rationale,
            occasion=int(row.occasion),
            seconds=float(row.seconds),
            given_at=row.given_at,
            fingerprint=row.fingerprint,
        )


def by_pair(labels: pd.DataFrame) -> dict[str, list[Vote]]:
    """The votes of the ledger table, by pair id; each pair's by label id."""
    groups: dict[str, list[Vote]] = {}
    for row in labels.sort_values("label_id").itertuples():
        groups.setdefault(str(row.pair_id), []).append(Vote.of(row))
    return groups


@dataclass(frozen=True)
class Entry:
    """One row from outside.

    Attributes:
        place: file and line, or task and annotation.
        pair_id: ours, where the row names it.
        messages: the prompt, where the row holds it.
        texts: of the responses, in the file's order.
        vote: None where nobody has voted; a BadRow where the row cannot be read.
        in_order: whether the file says in what order a person voted, so that the last vote on a pair counts.
    """

    place: str
    pair_id: str | None = None
    messages: list[Message] | None = None
    texts: tuple[str | None, str | None] = (None, None)
    vote: Vote | BadRow | None = None
    in_order: bool = False


def matched(
    entries: Iterable[Entry], queue: pd.DataFrame, name: str, given_at: str, note: Callable[[str], None]
) -> pd.DataFrame:
    """The votes as rows of the ledger table, by label id; `note` is called for each one that is left out.

    Raises:
        UserError: lists every entry that cannot be read, matches no pair of the queue or contradicts a vote.
    """
    pairs = Pairs(queue)
    rows: dict[str, dict[str, object]] = {}
    places: dict[str, str] = {}
    problems = []
    for entry in entries:
        try:
            if isinstance(entry.vote, BadRow):
                raise entry.vote
            row, swapped = pairs.find(entry.pair_id, entry.messages, entry.texts)
            if entry.vote is None:
                continue
            label = _row(row, entry.vote, swapped, given_at)
            id_ = label_id(row.pair_id, entry.vote.fingerprint, entry.vote.annotator, entry.vote.occasion)
            if label == rows.get(id_):
                note(f"{entry.place} is left out: it repeats {places[id_]}")
            elif id_ in rows and not entry.in_order:
                raise BadRow("repeated_vote", f"{entry.vote.annotator} voted on this pair in {places[id_]}")
            elif id_ in rows:
                note(f"{places[id_]} is left out: {entry.vote.annotator} annotated this pair again later")
        except BadRow as bad:
            if bad.reason in LEFT_OUT:
                note(f"{entry.place} is left out: {bad.detail}")
            else:
                problems.append(f"{entry.place}: {bad.reason}: {bad.detail}")
        else:
            rows[id_], places[id_] = label, entry.place
    if problems:
        head = (
            f"{name}: {len(problems)} row(s) cannot be used, so nothing was imported. Correct or remove them:"
        )
        raise UserError(listing(head, problems), code="votes.bad_rows")
    return votes.frame(rows.values())


def _row(pair: Any, vote: Vote, swapped: bool, given_at: str) -> dict[str, object]:
    row = vote.model_dump(exclude={"label", "comment"})
    return row | {
        "pair_id": pair.pair_id,
        "prompt_id": pair.prompt_id,
        "winner": _SWAPPED.get(vote.label, vote.label) if swapped else vote.label,
        "rationale": vote.comment,
        "given_at": vote.given_at or given_at,
    }
