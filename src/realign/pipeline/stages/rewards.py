"""rewards: the policy's own reward of each response, for strategies that pick by it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Rewards
from realign.errors import UserError
from realign.store import ids, schemas
from realign.store.work import Work

_KEY = "rewards.adapter"
_LONGEST = 4096


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    responses: pd.DataFrame
    base: Path
    earlier: Path


@dataclass(frozen=True)
class Settings:
    rewards: Rewards
    tokens_per_batch: int = field(metadata={"key": "generate.tokens_per_batch"})


@dataclass(frozen=True)
class Outputs:
    rewards: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """A reward for each response to a train prompt; `none` costs no time.

    adapter: ln pi(y|x) - ln ref(y|x), where pi is an earlier run's policy and ref the base (Rafailov et al.
    2023, eq. 5, without beta), cut where that policy's training cut. base: ln ref(y|x) / |y|, CREAM's reward
    for its first round (arXiv 2410.12735), |y| in tokens, the end token among them. A response that any
    earlier run rewarded in the same way is not computed again.

    Raises:
        UserError: the earlier adapter is none, or one of another base, or a prompt leaves its responses no token.
    """
    if settings.rewards.reward == "none":
        return Outputs(pd.DataFrame(columns=schemas.REWARDS.names))
    from realign.models.adapter import earlier_record
    from realign.models.chat import completion_tokens
    from realign.models.load import load_causal, load_policy, window
    from realign.models.logprobs import kept_sums, logprob_batches

    train = inputs.prompts[inputs.prompts["split"] == "train"]
    rows = inputs.responses.merge(train[["prompt_id", "messages"]], on="prompt_id")
    made_by = [ids.folder_digest(inputs.base)]
    aligned = settings.rewards.reward == "adapter"
    if aligned:
        max_length = int(earlier_record(inputs.earlier, made_by[0], _KEY)["max_length"])
        made_by.append(ids.folder_digest(inputs.earlier))
        model, tokenizer = load_policy(inputs.base, inputs.earlier, _KEY)
    else:
        model, tokenizer = load_causal(inputs.base)
        max_length = window(model, _LONGEST)
    answers = list(zip(rows["messages"], rows["text"], strict=True))
    completions = [completion_tokens(tokenizer, ids.load_messages(m), text) for m, text in answers]
    tokens = np.array([min(len(x) + len(y), max_length) - len(x) for x, y in completions], dtype=int)
    _refuse_silence(tokens, max_length, aligned)
    sums = kept_sums(
        [ids.digest(*made_by, str(max_length), *row) for row in answers],
        lambda places: logprob_batches(
            model,
            [completions[at] for at in places],
            max_length=max_length,
            tokens_per_batch=settings.tokens_per_batch,
            pad=int(tokenizer.pad_token_id),
            reference=aligned,
        ),
        2 if aligned else 1,
        work,
        "rewards",
    )
    policy, reference = (sums[:, 0] if aligned else np.full(len(rows), np.nan)), sums[:, -1]
    table = rows.assign(
        policy_logprob=policy,
        reference_logprob=reference,
        tokens=tokens,
        reward=policy - reference if aligned else reference / tokens,
    )
    return Outputs(table[schemas.REWARDS.names])


def _refuse_silence(tokens: np.ndarray, max_length: int, aligned: bool) -> None:
    """Stop where a prompt fills all that is looked at: a response without a token has no reward.

    Raises:
        UserError: says how many there are, and the limit.
    """
    if (tokens < 1).any():
        limit = "that the earlier policy was trained on" if aligned else "that the base reads"
        raise UserError(
            f"{int((tokens < 1).sum())} of {len(tokens)} responses have no reward: their prompt alone fills the "
            f"{max_length} tokens {limit}. Set generate.max_prompt_tokens below {max_length}",
            code="rewards.prompt_too_long",
        )
