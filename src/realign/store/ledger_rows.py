"""Rows of the ledger table: their key, which of several holds, and whether they can be right."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from realign.errors import UserError, listing
from realign.store import ids
from realign.store.labels import Label
from realign.store.schemas import LEDGER

_EARLIEST = "2020-01-01"  # no label is older than the judges; a clock that was never set says 1970


def label_id(pair: str, fingerprint: str, annotator: str = "", occasion: int = 0) -> str:
    """The key of a label: the pair names prompt and responses, the fingerprint the whole labeler."""
    return ids.digest("verdict", pair, fingerprint, annotator, str(occasion))


def typed(labels: pd.DataFrame) -> pd.DataFrame:
    """Rows of the ledger table with its types, by label id."""
    types = {"string": "str", "int64": "int64", "double": "float64"}
    nullable = {
        "consistent": "boolean",
        "confidence": "Int64",
        "revision": "Int64",
    }  # text has a missing value of its own
    frame = labels.astype({c.name: types[str(c.type)] for c in LEDGER.columns if c.name not in nullable})
    return frame.astype(nullable).sort_values("label_id", kind="stable").reset_index(drop=True)


def standing(labels: pd.DataFrame) -> pd.DataFrame:
    """The label that holds of each key, by label id, in whatever order the rows come.

    Where a machine's label was bought twice, the one given first holds, so that buying it again changes nothing for
    teammates; but a label beats an abstention, and a later abstention, which was asked for again, an earlier one. A
    person may change their mind: their highest revision holds, whatever their clock said. Between equals the content
    decides.
    """
    labels = typed(labels).drop_duplicates(ignore_index=True)
    twice = labels[labels.duplicated("label_id", keep=False)]
    if twice.empty:
        return labels
    human = (twice["kind"] == "human").to_numpy()
    order = twice.assign(
        first=twice["revision"].fillna(0).where(human, 0).astype("int64"),
        then=twice["given_at"],
        last=twice.astype("object").fillna("").astype("str").agg("\x1f".join, axis=1),
    ).sort_values(["first", "then", "last"], kind="stable")
    last_holds = ((order["kind"] == "human") | (order["winner"] == Label.ABSTAIN)).to_numpy()
    parts = [labels.drop(index=twice.index), order[~last_holds], order[last_holds][::-1]]
    kept = pd.concat([part[LEDGER.names] for part in parts if len(part)]).drop_duplicates("label_id")
    return kept.sort_values("label_id", kind="stable").reset_index(drop=True)


def check(labels: pd.DataFrame, where: str) -> None:
    """Check labels before they are merged with others.

    Raises:
        UserError: lists labels that cannot be right.
    """
    problems = unsound(labels)
    if problems:
        raise UserError(
            listing(
                f"{where} {len(problems)} label(s) that cannot be right, so nothing was merged:", problems
            ),
            code="ledger.unsound",
        )


def unsound(labels: pd.DataFrame) -> list[str]:
    """Labels whose key, outcome, probability, time or cost cannot be right."""
    outcome, p_a = labels["winner"], labels["p_a"].astype(float)
    parts = (labels[name].astype("str") for name in ("pair_id", "fingerprint", "annotator"))
    keys = pd.Series(
        [label_id(*key) for key in zip(*parts, labels["occasion"].astype(int), strict=True)],
        labels.index,
        dtype="str",
    )
    costs = labels[["calls", "tokens_in", "tokens_out", "price", "seconds"]].astype(float)
    misfit = (outcome == "a") & (p_a < 0.5) | (outcome == "b") & (p_a > 0.5) | ~p_a.between(0, 1)
    rules = {
        "the key does not follow from its pair and labeler": labels["label_id"].astype("str") != keys,
        f"winner {{0.winner!r}} is none of {', '.join(Label)}": ~outcome.isin(list(Label)),
        "winner {0.winner!r} does not fit p_a {0.p_a}": misfit,
        f"given_at {{0.given_at!r}} is no time in UTC since {_EARLIEST}": ~labels["given_at"]
        .map(is_moment)
        .astype(bool),
        "calls, tokens, price or seconds are below 0 or no number": ~(costs.ge(0) & np.isfinite(costs)).all(
            axis=1
        ),
    }
    return [
        f"label {row.label_id}: {words.format(row)}"
        for words, wrong in rules.items()
        for row in labels[wrong.to_numpy(dtype=bool)].itertuples()
    ]


def is_moment(text: str) -> bool:
    """Whether it is a time in UTC, ISO 8601, that a label can have been given at."""
    try:
        return (
            datetime.fromisoformat(text).utcoffset() == timedelta(0)
            and text.endswith("+00:00")
            and text >= _EARLIEST
        )
    except ValueError:
        return False
