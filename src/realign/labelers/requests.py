"""What a labeler is asked, built from the tables: the same for every stage and command that asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import NO_FILE, Embed, Label
from realign.data import known_pairs
from realign.data.pairs import with_texts
from realign.labelers.base import Question
from realign.models.embedders.texts import text_vectors
from realign.store import ledger_batches as batches
from realign.store.work import Work


@dataclass(frozen=True)
class Known:
    """What a labeler may look at beside the pairs.

    Attributes:
        prompts: the prompts table.
        responses: the responses table.
        embeddings: the embeddings table; these texts are not embedded again.
        scores: the scores table.
        base: the base policy's folder.
        people: the folder of people's votes.
        known_pairs: the file of label.known_pairs.
    """

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    scores: pd.DataFrame
    base: Path
    people: Path
    known_pairs: Path


def question(
    pairs: pd.DataFrame, what: Known, settings: Label, embed: Embed, *, seed: int, work: Work
) -> Question:
    """The labeler's question about distinct pairs.

    Args:
        pairs: columns pair_id, prompt_id, response_a, response_b; texts are added (with_texts).
        what: the tables.
        settings: the label section.
        embed: the embed section.
        seed: of the run; the simulated annotator's choice hangs on it and the pair alone.
        work: of the label stage, so that whoever asks finds what was judged before.

    Raises:
        UserError: label.known_pairs is not as it must be.
    """
    vectors = what.embeddings.set_index("response_id")["vector"]
    texts = what.responses.set_index("response_id")["text"]
    embedded = dict(zip(texts.reindex(vectors.index), vectors, strict=True))
    unnamed = what.known_pairs.as_posix().endswith(NO_FILE)
    return Question(
        pairs=with_texts(pairs, what.prompts, what.responses),
        scores=what.scores,
        settings=settings,
        seed=seed,
        work=work,
        base=what.base,
        vectors=text_vectors(what.base, embed, embedded),
        votes=batches.read(what.people),
        known=known_pairs.empty() if unnamed else known_pairs.read(what.known_pairs),
    )
