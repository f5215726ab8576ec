"""Batches: the ledger as files that never change, so that a team's ledgers merge without conflict.

A batch is a Parquet file of the ledger table, named after its content. Two teammates never write
the same name with another content, so neither git nor DVC has anything to resolve.
"""

import hashlib
import re
from pathlib import Path

import pandas as pd

from realign.errors import UserError, listing
from realign.store import artifacts
from realign.store.ledger import Ledger
from realign.store.ledger_rows import check, standing, typed, unsound
from realign.store.schemas import LEDGER

_OURS = re.compile("[0-9a-f]{20}")


def write(labels: pd.DataFrame, folder: Path) -> Path | None:
    """Write the labels that no batch of the folder holds yet as a new batch; None if there is none.

    A person's label that differs from the one that holds becomes its next revision.

    Raises:
        UserError: a label cannot be right, or a batch is damaged.
    """
    check(labels, f"{folder} was to take in")
    earlier = everything(folder)
    human = labels["kind"] == "human"
    known = pd.MultiIndex.from_frame(earlier[["label_id", "given_at"]])
    bought = labels[~human & ~pd.MultiIndex.from_frame(labels[["label_id", "given_at"]]).isin(known)]
    parts = [part for part in (bought, _revised(labels[human], earlier)) if len(part)]
    if not parts:
        return None
    draft = folder / "draft"
    artifacts.write_table(draft, pd.concat(parts)[LEDGER.names], LEDGER)
    return draft.replace(folder / f"{_name(draft)}.parquet")


def _revised(votes: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """The votes that say something else than those that hold, as their next revisions."""
    content = ["winner", "confidence", "rationale"]
    before = standing(earlier).set_index("label_id").reindex(votes["label_id"])
    now, held = (table[content].astype("object").fillna("").to_numpy() for table in (votes, before))
    person = ["pair_id", "annotator", "occasion"]
    last = earlier.groupby(person)["revision"].max()
    revision = last.reindex(pd.MultiIndex.from_frame(votes[person])).fillna(0).to_numpy(dtype="int64") + 1
    changed: pd.DataFrame = votes.assign(revision=revision)[(now != held).any(axis=1)]
    return changed


def read(folder: Path) -> pd.DataFrame:
    """The label that holds of each key in a folder's batches.

    Raises:
        UserError: a batch is damaged, or holds a label that cannot be right; all such are named.
    """
    return standing(everything(folder))


def everything(folder: Path) -> pd.DataFrame:
    """All labels of a folder's batches, by label id.

    Raises:
        UserError: a batch is damaged, or holds a label that cannot be right; all such are named.
    """
    frames, problems = _load(folder)
    if problems:
        mend = f"Restore them with dvc checkout --force --recursive {folder}, or remove them"
        raise UserError(
            listing(f"{folder}: batches cannot be used. {mend}:", problems),
            code="ledger.unreadable_batch",
        )
    return typed(pd.concat(frames, ignore_index=True)) if frames else typed(empty())


def _load(folder: Path) -> tuple[list[pd.DataFrame], list[str]]:
    """The batches that can be used, and what is wrong with the others."""
    frames, problems = [], []
    for path in sorted(folder.glob("*.parquet")):
        if _OURS.fullmatch(path.stem) and path.stem != _name(path):  # before anything in it is believed
            problems.append(f"{path.name}: its content is not what its name says")
            continue
        try:
            frame = artifacts.read_table(path, LEDGER)
        except UserError as error:
            problems.append(str(error))
            continue
        wrong = unsound(frame)
        problems += [f"{path.name}: {problem}" for problem in wrong]
        if len(frame) and not wrong:
            frames.append(frame)
    return frames, problems


def empty() -> pd.DataFrame:
    """No labels."""
    none: pd.DataFrame = LEDGER.arrow.empty_table().to_pandas()
    return none


def merge(ledger: Ledger, folder: Path) -> int:
    """Take a folder's batches into the ledger; returns how many labels are new to it."""
    return ledger.put(read(folder))


def verify(folder: Path) -> list[str]:
    """What is wrong with a folder's batches: names, keys, outcomes and probabilities; empty if nothing."""
    foreign = [path.name for path in sorted(folder.glob("*.parquet")) if not _OURS.fullmatch(path.stem)]
    return [*_load(folder)[1], *(f"{name}: a batch is named after its content" for name in foreign)]


def stats(labels: pd.DataFrame) -> pd.DataFrame:
    """A row a labeler and annotator: labels, outcomes, calls, tokens, money."""
    rows = labels.assign(
        tied=labels["winner"] == "tie",
        both_bad=labels["winner"] == "both_bad",
        abstained=labels["winner"] == "abstain",
    )
    columns = {"label_id": "size", "tied": "sum", "both_bad": "sum", "abstained": "sum"}
    columns |= dict.fromkeys(("calls", "tokens_in", "tokens_out", "price"), "sum")
    table = rows.groupby(["labeler", "fingerprint", "annotator"]).agg(columns)
    return table.rename(columns={"label_id": "labels"}).reset_index()


def _name(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]
