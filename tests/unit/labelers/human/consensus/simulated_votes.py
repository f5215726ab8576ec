"""Votes of simulated annotators, as rows of the verdicts table."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from realign.store.ledger_rows import label_id
from realign.store.schemas import LEDGER

Said = tuple[str, str, str]  # pair, annotator, winner


def votes(said: Iterable[Said], occasion: int = 0) -> pd.DataFrame:
    """One human verdict for each (pair, annotator, winner)."""
    rows = [
        {
            "label_id": label_id(pair, "page", who, occasion),
            "pair_id": pair,
            "prompt_id": "p",
            "fingerprint": "page",
            "kind": "human",
            "labeler": "human",
            "annotator": who,
            "occasion": occasion,
            "winner": winner,
            "p_a": {"a": 1.0, "b": 0.0}.get(winner, 0.5),
            "given_at": "2030-01-01T00:00:00.000+00:00",
        }
        for pair, who, winner in said
    ]
    return pd.DataFrame(rows, columns=LEDGER.names)


def simulate(
    seed: int,
    pairs: int,
    reliable: dict[str, float],
    truth: dict[str, float],
) -> tuple[pd.DataFrame, pd.Series]:
    """Everybody votes on every pair: right with their reliability, else any other class alike.

    Returns the votes in no order, and the true class by pair id.
    """
    random = np.random.default_rng(seed)
    classes = np.array(list(truth))
    names = [f"pair{number:05}" for number in range(pairs)]
    true = random.choice(len(classes), pairs, p=list(truth.values()))
    said: list[Said] = []
    for who, share in reliable.items():
        wrong = (true + random.integers(1, len(classes), pairs)) % len(classes)
        chosen = classes[np.where(random.random(pairs) < share, true, wrong)]
        said += [(pair, who, str(winner)) for pair, winner in zip(names, chosen, strict=True)]
    frame = votes(said).sample(frac=1, random_state=seed).reset_index(drop=True)
    return frame, pd.Series(classes[true], index=names)
