"""The judge of new texts: a quality for any response, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.config.params import Embed, Model
from realign.data.simulation.qualities import qualities
from realign.evaluation.intervals import Figure, Resampling, rate
from realign.models import score_head
from realign.models.rewards import rewards
from realign.store.work import Work, require_rows

Vectors = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Judge:
    """Who measures.

    Attributes:
        quality: from prompt rows (columns messages, rule) and the name of a text column to qualities.
        kind: in words.
        head: the fitted head, where the judge is one.
    """

    quality: Callable[[pd.DataFrame, str], np.ndarray]
    kind: str
    head: score_head.ScoreHead | None = None

    def accuracy(self, pairs: pd.DataFrame, embeddings: pd.DataFrame, how: Resampling) -> Figure | None:
        """How often a head agrees with the held-out pairs' better side: a judge must be known too.

        Args:
            pairs: columns better, worse: response ids.
            embeddings: the embeddings table.
            how: resampling.

        Returns:
            None where the judge is no head.
        """
        if self.head is None:
            return None
        vectors = embeddings.set_index("response_id")["vector"]
        better, worse = (
            self.head.quality(np.stack(vectors.loc[pairs[side]].tolist()).astype(np.float64))
            for side in ("better", "worse")
        )
        return rate((better > worse).astype(float), how)


def judge(
    kind: str,
    embed: Embed,
    reward_model: Model,
    annotator: str,
    *,
    prompts: pd.DataFrame,
    scores: pd.DataFrame,
    embeddings: pd.DataFrame,
    vectors: Vectors,
    work: Work,
) -> Judge:
    """The judge that evaluate.scorer names.

    Args:
        kind: rule, score_head or reward_model.
        embed: the embed section.
        reward_model: which one, for a reward model.
        annotator: whose scores teach a head.
        prompts: the prompts table; a head learns from train prompts alone.
        scores: the scores table.
        embeddings: the embeddings table.
        vectors: of any texts, (n,) -> (n, d).
        work: keeps rewards that are known.

    Raises:
        UserError: there are no scores that a head could learn from.
    """
    if kind == "rule":
        return Judge(qualities, "rule")
    if kind == "reward_model":
        return Judge(
            lambda rows, column: rewards(
                reward_model, rows["messages"].tolist(), rows[column].tolist(), work
            ),
            f"reward_model: {reward_model.name}@{reward_model.revision}",
        )
    head = _fit(prompts, scores, embeddings, annotator)
    return Judge(
        lambda rows, column: head.quality(vectors(rows[column].tolist())),
        f"score_head: ridge on {embed.method}, alpha {head.alpha:g}, from scores by {annotator}",
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
