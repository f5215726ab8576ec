"""Batches: the ledger as files that never change, so that a team's ledgers merge without conflict.

A batch is a Parquet file of the ledger table, named after its content. Two teammates never write
the same name with another content, so neither git nor DVC has anything to resolve.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from realign.errors import UserError, listing
from realign.store import artifacts, ids
from realign.store.labels import Label
from realign.store.ledger import Ledger, label_id
from realign.store.schemas import LEDGER


def write(labels: pd.DataFrame, folder: Path) -> Path | None:
    """Write the labels that no batch of the folder holds yet as a new batch; None if there is none."""
    everything = _all(folder)
    known = set(zip(everything["label_id"], everything["given_at"], strict=True))
    keys = zip(labels["label_id"], labels["given_at"], strict=True)
    new = labels[[key not in known for key in keys]]
    if new.empty:
        return None
    path = folder / f"{_name(new)}.parquet"
    artifacts.write_table(path, new[LEDGER.names], LEDGER)
    return path


def read(folder: Path) -> pd.DataFrame:
    """All labels of a folder's batches, each once.

    Where a machine's label was bought twice, the first one counts, so that buying it again changes nothing for
    teammates. A person may change their mind: there the last one counts.

    Raises:
        UserError: a batch is damaged; all such are named.
    """
    everything = _all(folder)
    human = everything["kind"] == "human"
    kept = [
        everything[~human].drop_duplicates("label_id"),
        everything[human].drop_duplicates("label_id", keep="last"),
    ]
    return pd.concat(kept).sort_values("label_id", kind="stable").reset_index(drop=True)


def _all(folder: Path) -> pd.DataFrame:
    frames, problems = [], []
    for path in sorted(folder.glob("*.parquet")):
        try:
            frames.append(artifacts.read_table(path, LEDGER))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError(
            listing(f"{folder}: {len(problems)} batch(es) cannot be read:", problems),
            code="ledger.unreadable_batch",
        )
    if not frames:
        return empty()
    return pd.concat(frames, ignore_index=True).sort_values(["label_id", "given_at"], kind="stable")


def empty() -> pd.DataFrame:
    """No labels."""
    none: pd.DataFrame = LEDGER.arrow.empty_table().to_pandas()
    return none


def merge(ledger: Ledger, folder: Path) -> int:
    """Take a folder's batches into the ledger; returns how many labels are new to it."""
    return ledger.put(read(folder))


def verify(folder: Path) -> list[str]:
    """What is wrong with a folder's batches: names, keys, outcomes and probabilities; empty if nothing."""
    problems = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            frame = artifacts.read_table(path, LEDGER)
        except UserError as error:
            problems.append(str(error))
            continue
        if path.stem != _name(frame):
            problems.append(
                f"{path.name}: its content is not what its name says; restore it with dvc checkout"
            )
        problems += [f"{path.name}: {problem}" for problem in unsound(frame)]
    return problems


def unsound(frame: pd.DataFrame) -> list[str]:
    """Labels whose key, outcome or probability cannot be right."""
    problems = []
    keys = [
        label_id(pair, fingerprint, annotator, int(occasion))
        for pair, fingerprint, annotator, occasion in zip(
            frame["pair_id"], frame["fingerprint"], frame["annotator"], frame["occasion"], strict=True
        )
    ]
    for id_ in frame.loc[np.array(keys, dtype=object) != frame["label_id"].to_numpy(), "label_id"]:
        problems.append(f"label {id_}: the key does not follow from its pair and labeler")
    for row in frame[~frame["winner"].isin(list(Label))].itertuples():
        problems.append(f"label {row.label_id}: winner {row.winner!r} is none of {', '.join(Label)}")
    winner, p = frame["winner"].to_numpy(dtype=object), frame["p_a"].to_numpy(dtype=float)
    wrong = ~((p >= 0) & (p <= 1)) | ((winner == "a") & (p < 0.5)) | ((winner == "b") & (p > 0.5))
    for row in frame[wrong].itertuples():
        problems.append(f"label {row.label_id}: winner {row.winner!r} does not fit p_a {row.p_a}")
    return problems


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


def _name(frame: pd.DataFrame) -> str:
    ordered = frame.sort_values("label_id", kind="stable")[LEDGER.names]
    return ids.digest("batch", ordered.to_json(orient="values", double_precision=15))
