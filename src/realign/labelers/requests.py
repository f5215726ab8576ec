"""A labeler's request, built from the tables: the same for every stage and command that labels pairs."""

import pandas as pd

from realign.config import params
from realign.config.params import NO_FILE
from realign.data import known_pairs
from realign.evaluation.intervals import Resampling
from realign.labelers.base import LabelInputs, LabelRequest
from realign.labelers.registry import find, machine
from realign.models.embedders.texts import text_vectors
from realign.store import ledger_batches as batches
from realign.store.work import Work


def label_request(
    pairs: pd.DataFrame,
    inputs: LabelInputs,
    settings: params.Label,
    embed: params.Embed,
    *,
    intervals: Resampling,
    work: Work,
    uses: pd.DataFrame | None = None,
) -> LabelRequest:
    """What a labeler is given to label distinct pairs.

    Args:
        pairs: with their texts (data.pairs.with_texts).
        inputs: the tables and files.
        settings: the label section.
        embed: the embed section.
        intervals: evaluate.resamples, evaluate.confidence, and the run's seed, on which and on the pair
            alone the simulated annotator's choice depends.
        work: of the label stage, so that all find what was labeled before.
        uses: what the pairs are for; None outside of a run.

    Raises:
        UserError: label.known_pairs is not as it must be.
    """
    vectors = inputs.embeddings.set_index("response_id")["vector"]
    texts = inputs.responses.set_index("response_id")["text"]
    embedded = dict(zip(texts.reindex(vectors.index), vectors, strict=True))
    no_known = inputs.known_pairs.as_posix().endswith(NO_FILE)
    learns = find(machine(settings)).learns and not inputs.ledger.as_posix().endswith(NO_FILE)
    return LabelRequest(
        pairs=pairs,
        scores=inputs.scores,
        settings=settings,
        seed=intervals.seed,
        work=work,
        base=inputs.base,
        vectors=text_vectors(inputs.base, embed, embedded),
        votes=batches.read(inputs.people),
        known=known_pairs.empty() if no_known else known_pairs.read(inputs.known_pairs),
        rubric=inputs.rubric,
        labels=batches.read(inputs.ledger) if learns else batches.empty(),
        intervals=intervals,
        uses=pd.DataFrame(columns=["purpose", "strategy", "pair_id"]) if uses is None else uses,
    )
