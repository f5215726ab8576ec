"""The scorer of held-out answers: a quality for any response, whoever wrote it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Embed, Evaluate, Model
from realign.data.simulation.qualities import qualities
from realign.evaluation.intervals import Figure, Resampling, rate
from realign.models import score_head
from realign.models.embedders.texts import text_vectors
from realign.models.rewards import rewards
from realign.store.quarantine import require_rows
from realign.store.work import Work


@dataclass(frozen=True)
class ScorerInputs:
    """What a scorer may look at: stages that measure a policy read these artifacts."""

    prompts: pd.DataFrame
    scores: pd.DataFrame
    embeddings: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class ScorerSettings:
    """The keys of params.yaml that say who scores."""

    embed: Embed
    reward_model: Model = field(metadata={"key": "label.reward_model"})
    annotator: str = field(metadata={"key": "label.annotator"})
    evaluate: Evaluate = field(metadata={"only": ("scorer",)})


@dataclass(frozen=True)
class Scorer:
    """Who scores held-out answers.

    Attributes:
        quality: from prompt rows (columns messages, rule) and the name of a text column to qualities.
        kind: in words.
        head: the fitted reward head, where the scorer is one.
    """

    quality: Callable[[pd.DataFrame, str], np.ndarray]
    kind: str
    head: score_head.ScoreHead | None = None

    def accuracy(self, pairs: pd.DataFrame, embeddings: pd.DataFrame, how: Resampling) -> Figure | None:
        """How often a reward head agrees with the held-out pairs' better side, since a scorer may be wrong too.

        Args:
            pairs: columns better, worse: response ids.
            embeddings: the embeddings table.
            how: resampling.

        Returns:
            None where the scorer is no reward head.
        """
        if self.head is None:
            return None
        vectors = embeddings.set_index("response_id")["vector"]
        better, worse = (
            self.head.quality(np.stack(vectors.loc[pairs[side]].tolist()).astype(np.float64))
            for side in ("better", "worse")
        )
        return rate((better > worse).astype(float), how)


def scorer(inputs: ScorerInputs, settings: ScorerSettings, work: Work) -> Scorer:
    """The scorer that evaluate.scorer names; a reward head is fitted to the scores of train prompts alone.

    Raises:
        UserError: there are no scores that a reward head could be fitted to.
    """
    kind, model = settings.evaluate.scorer, settings.reward_model
    if kind == "rule":
        return Scorer(qualities, "rule")
    if kind == "reward_model":
        return Scorer(
            lambda rows, column: rewards(model, rows["messages"].tolist(), rows[column].tolist(), work),
            f"reward_model: {model.name}@{model.revision}",
        )
    vectors = text_vectors(inputs.base, settings.embed, {})
    head = _fit(inputs.prompts, inputs.scores, inputs.embeddings, settings.annotator)
    return Scorer(
        lambda rows, column: head.quality(vectors(rows[column].tolist())),
        f"score_head: ridge on {settings.embed.method}, alpha {head.alpha:g}, from scores by {settings.annotator}",
        head,
    )


def _fit(
    prompts: pd.DataFrame, scores: pd.DataFrame, embeddings: pd.DataFrame, annotator: str
) -> score_head.ScoreHead:
    train = set(prompts.loc[prompts["split"] == "train", "prompt_id"])
    mine = scores[(scores["annotator"] == annotator) & scores["prompt_id"].isin(train)]
    rows = mine.merge(embeddings, on="response_id").sort_values("response_id")
    require_rows(
        rows,
        f"scored train responses by {annotator}",
        "set evaluate.scorer to another judge",
    )
    vectors = np.stack(rows["vector"].tolist()).astype(np.float64)
    return score_head.fit(vectors, rows["score"].to_numpy(), rows["prompt_id"].to_numpy())
