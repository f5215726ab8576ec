"""All pairs that the prompts offer, with what a strategy may look at."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import pandas as pd

from realign.config.params import Select
from realign.data.text_features import text_features
from realign.errors import UserError
from realign.models import reward_head as pairwise
from realign.selection.labeled_pairs import LabeledPairs
from realign.selection.vectors import directions
from realign.store import ids

DECIMALS = 5  # the last bits of a cosine depend on the machine; a pick must not


@dataclass(frozen=True)
class Candidates:
    """P candidate pairs of N prompts, sorted by prompt and then by the two response ids.

    Attributes:
        prompt_ids: shape (N,).
        prompt: index into prompt_ids for each pair. Shape (P,).
        responses: response ids, sorted by prompt and id. Shape (R,).
        vectors: L2-normalised, float64. Shape (R, d).
        texts: of the responses. Shape (R,).
        tokens: length of each response, at least 1. Shape (R,).
        first: index of the pair's first response. Shape (P,).
        second: index of its second response. Shape (P,).
        similarity: cosine, 5 decimals. Shape (P,).
        seed: of the run.
        options: the select section.
        labeled_pairs: pairs that are labeled already, of these or of other prompts; None where there are none.
        rewards: the policy's implicit reward of each response, nats; None where there is none. Shape (R,).
    """

    prompt_ids: np.ndarray
    prompt: np.ndarray
    responses: np.ndarray
    vectors: np.ndarray
    texts: np.ndarray
    tokens: np.ndarray
    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    seed: int
    options: Select
    labeled_pairs: LabeledPairs | None = None
    rewards: np.ndarray | None = None

    def reseeded(self, seed: int) -> Candidates:
        """The same pairs under another seed; nothing that is derived from them depends on it."""
        other = replace(self, seed=seed)
        names = {f.name for f in fields(self)}
        vars(other).update({name: value for name, value in vars(self).items() if name not in names})
        return other

    def pair_ids(self) -> list[str]:
        """The id of each pair. Shape (P,)."""
        return self._pair_ids

    @cached_property
    def _pair_ids(self) -> list[str]:
        prompts = self.prompt_ids[self.prompt]
        ones, others = self.responses[self.first], self.responses[self.second]
        return [ids.pair_id(p, a, b) for p, a, b in zip(prompts, ones, others, strict=True)]

    @cached_property
    def owner(self) -> np.ndarray:
        """Index into prompt_ids for each response. Shape (R,)."""
        owner = np.zeros(len(self.responses), dtype=int)
        owner[self.first] = self.prompt
        owner[self.second] = self.prompt
        return owner

    @cached_property
    def log_length_ratio(self) -> np.ndarray:
        """ln(tokens of the first / tokens of the second). Shape (P,)."""
        return np.asarray(np.round(np.log(self.tokens[self.first] / self.tokens[self.second]), 6))

    @cached_property
    def distance(self) -> np.ndarray:
        """Euclidean distance of the two normalised vectors, sqrt(2 - 2 cos). Shape (P,)."""
        return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * self.similarity, 0.0)))

    @cached_property
    def gap(self) -> np.ndarray:
        """Predicted quality of the first minus that of the second (models.reward_head). Shape (P,).

        Cross-fitted: a prompt with a label is scored by a head that did not see it.

        Raises:
            UserError: no pair is labeled yet.
        """
        return self._gap(self._head())

    @cached_property
    def gap_length_free(self) -> np.ndarray:
        """The same by a head whose labels had their length effect taken out first. Shape (P,).

        Raises:
            UserError: no pair is labeled yet.
        """
        return self._gap(self._head(length_free=True))

    @cached_property
    def p_first(self) -> np.ndarray:
        """Probability that the first wins, by a head with length as a covariate beside the embedding. Shape (P,).

        Calibrated on out-of-fold gaps, 6 decimals; 1/2 throughout where nothing was learned from the labels.

        Raises:
            UserError: no pair is labeled yet.
        """
        head = self._head(covariate=True)
        return np.asarray(np.round(head.p_a(self._gap(head)), 6))

    @cached_property
    def reward_gap(self) -> np.ndarray:
        """Implicit reward of the first minus that of the second, nats. Shape (P,).

        Raises:
            UserError: no implicit rewards are known.
        """
        if self.rewards is None:
            raise UserError(
                "implicit_margin and implicit_margin_small pick by the policy's own reward of each response, and none "
                "is computed. Set rewards.reward to base or adapter, or name another strategy",
                code="strategy.no_rewards",
            )
        return np.asarray(np.round(self.rewards[self.first] - self.rewards[self.second], 6))

    def _head(self, length_free: bool = False, covariate: bool = False) -> pairwise.CrossFitted:
        if self.labeled_pairs is None:
            raise UserError(
                "margin, uncertainty, dcrm and their like learn from labels, and no pair is labeled yet. Set "
                "pilot.prompts above 0, or name another strategy",
                code="strategy.no_labels",
            )
        known, both = self.labeled_pairs, self.options.text_features
        return pairwise.CrossFitted(
            np.hstack([known.vectors_a, known.features_a]) if both else known.vectors_a,
            np.hstack([known.vectors_b, known.features_b]) if both else known.vectors_b,
            known.target,
            known.prompt_ids,
            known.log_length_ratio if length_free or covariate else None,
            covariate=covariate,
            columns=(known.vectors_a.shape[1], known.features_a.shape[1]) if both else None,
        )

    def _gap(self, head: pairwise.CrossFitted) -> np.ndarray:
        seen = (
            np.hstack([self.vectors, text_features(self.texts)])
            if self.options.text_features
            else self.vectors
        )
        quality = head.quality(seen, self.prompt_ids[self.owner])
        difference = quality[self.first] - quality[self.second]
        return head.lead(difference, self.prompt_ids[self.prompt], self.log_length_ratio)


def candidates(
    responses: pd.DataFrame,
    embeddings: pd.DataFrame,
    seed: int,
    options: Select,
    labeled_pairs: LabeledPairs | None = None,
    rewards: pd.Series | None = None,
) -> Candidates:
    """Every pair of two different responses under one prompt.

    Args:
        responses: rows of the responses table; every prompt has at least two.
        embeddings: a finite, non-zero vector for each of them.
        seed: of the run.
        options: the select section.
        labeled_pairs: pairs that are labeled already.
        rewards: implicit reward by response id, for every response.
    """
    rows = responses.sort_values(["prompt_id", "response_id"], kind="stable")
    vectors = directions(embeddings, rows["response_id"])
    prompt_ids, start, count = np.unique(
        rows["prompt_id"].to_numpy(dtype=str), return_index=True, return_counts=True
    )
    first, second, prompt = [], [], []
    for k in np.unique(count):  # all prompts with k responses at once
        i, j = np.triu_indices(k, 1)
        members = np.flatnonzero(count == k)
        first.append((start[members, None] + i).ravel())
        second.append((start[members, None] + j).ravel())
        prompt.append(np.repeat(members, len(i)))
    order = np.lexsort((np.concatenate(second), np.concatenate(first)))
    one, other = np.concatenate(first)[order], np.concatenate(second)[order]
    return Candidates(
        prompt_ids=prompt_ids,
        prompt=np.concatenate(prompt)[order],
        responses=rows["response_id"].to_numpy(dtype=str),
        vectors=vectors,
        texts=rows["text"].to_numpy(dtype=object),
        tokens=np.maximum(rows["tokens"].to_numpy(), 1),
        first=one,
        second=other,
        similarity=_cosines(vectors, one, other),
        seed=seed,
        options=options,
        labeled_pairs=labeled_pairs,
        rewards=None if rewards is None else rewards.reindex(rows["response_id"]).to_numpy(dtype=float),
    )


def _cosines(vectors: np.ndarray, one: np.ndarray, other: np.ndarray, chunk: int = 1 << 16) -> np.ndarray:
    parts = [
        np.einsum("pd,pd->p", vectors[one[at : at + chunk]], vectors[other[at : at + chunk]])
        for at in range(0, len(one), chunk)
    ]
    return np.round(np.concatenate(parts), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
