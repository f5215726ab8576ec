"""What a policy does with held-out prompts and pairs, beside its base."""

from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Generate
from realign.evaluation.scorer import Scorer
from realign.models.chat import completion_tokens, prompt_tokens, refusal
from realign.models.logprobs import log_ratios
from realign.models.sampling import Sampled, SamplingRow, sample
from realign.progress import progress
from realign.store import ids
from realign.store.labels import SIDES
from realign.store.quarantine import require_rows

# The keys of params.yaml's section generate that answers to held-out prompts depend on.
SAMPLING = ("temperature", "top_p", "max_new_tokens", "max_prompt_tokens")

_EQUAL = 1e-9


def better_side(labels: pd.DataFrame) -> pd.DataFrame:
    """Held-out pairs with a better and a worse response, by gold where there is one, else by label.

    Args:
        labels: columns pair_id, prompt_id, response_a, response_b, winner, gold.

    Returns:
        Columns pair_id, prompt_id, better, worse: response ids.

    Raises:
        UserError: no pair has a better side.
    """
    side = labels["gold"].where(labels["gold"].notna(), labels["winner"])
    pairs = labels.assign(side=side)[side.isin(SIDES)]
    a_better = pairs["side"] == "a"
    require_rows(pairs, "held-out pairs with a better side", "raise prepare.eval_share, or give more prompts")
    return pairs.assign(
        better=pairs["response_a"].where(a_better, pairs["response_b"]),
        worse=pairs["response_b"].where(a_better, pairs["response_a"]),
    )[["pair_id", "prompt_id", "better", "worse"]]


def occasions(prompts: pd.DataFrame, tokenizer: Any, options: Generate, samples: int) -> pd.DataFrame:
    """A row for each answer to be given to a held-out prompt: the prompt's columns, turns, tokens, sample.

    Raises:
        UserError: no held-out prompt is short enough, and one that the chat template takes.
    """
    held_out = prompts[prompts["split"] == "eval"].sort_values("prompt_id")
    held_out = held_out.assign(turns=held_out["messages"].map(ids.load_messages))
    held_out = held_out[[refusal(tokenizer, turns) is None for turns in held_out["turns"]]]
    held_out = held_out.assign(tokens=held_out["turns"].map(lambda turns: prompt_tokens(tokenizer, turns)))
    held_out = held_out[held_out["tokens"].map(len) <= options.max_prompt_tokens]
    require_rows(held_out, "held-out prompts", "raise prepare.eval_share or generate.max_prompt_tokens")
    return held_out.merge(pd.DataFrame({"sample": range(samples)}), how="cross")


def answers(
    model: Any, tokenizer: Any, rows: pd.DataFrame, options: Generate, seed: int, what: str
) -> list[Sampled]:
    """A sampled answer to each of `occasions`.

    Every policy answers with the same uniform numbers, so that comparisons are paired in their luck too.
    """
    todo = [
        SamplingRow(
            tokens,
            ids.uniforms(options.max_new_tokens, "evaluate", str(seed), prompt, str(number)),
        )
        for tokens, prompt, number in zip(rows["tokens"], rows["prompt_id"], rows["sample"], strict=True)
    ]
    sampled: dict[int, Sampled] = {}
    bar = progress(len(todo), what, "responses")
    for batch in sample(model, tokenizer, todo, options):
        sampled |= batch
        bar.update(len(batch))
    bar.close()
    return [sampled[at] for at in range(len(todo))]


def scored(rows: pd.DataFrame, sampled: list[Sampled], scorer: Scorer, who: str) -> pd.DataFrame:
    """`occasions` with the answers of `who`, base or policy: columns WHO_text, WHO_tokens and WHO_quality."""
    answers = pd.DataFrame(
        [(s.text, s.tokens) for s in sampled], columns=["text", "tokens"], index=rows.index
    )
    rows = rows.join(answers.add_prefix(f"{who}_"))
    return rows.assign(**{f"{who}_quality": scorer.quality(rows, f"{who}_text")})


def wins(gap: np.ndarray) -> np.ndarray:
    """1 where the policy's answer is better, 0 where the base's is, 0.5 where they are equal. Shape (n,)."""
    return np.where(gap > _EQUAL, 1.0, np.where(gap < -_EQUAL, 0.0, 0.5))


def margins(
    model: Any,
    tokenizer: Any,
    pairs: pd.DataFrame,
    prompts: pd.DataFrame,
    responses: pd.DataFrame,
    record: dict[str, Any],
    options: Generate,
) -> pd.DataFrame:
    """Implicit rewards on `better_side` pairs: with gap (nats), margin (beta * gap) and correct (1, 0.5 or 0).

    Args:
        model: the policy with its adapter, which is switched off for the reference.
        tokenizer: its tokenizer.
        pairs: of `better_side`.
        prompts: the prompts table.
        responses: the responses table.
        record: what the training says of itself: beta, max_length.
        options: the generate section, for the size of batches.
    """
    texts = responses.set_index("response_id")["text"]
    messages = prompts.set_index("prompt_id")["messages"].loc[pairs["prompt_id"]].map(ids.load_messages)
    sides = [
        completion_tokens(tokenizer, turns, texts[response])
        for side in ("better", "worse")
        for turns, response in zip(messages, pairs[side], strict=True)
    ]
    ratio = log_ratios(model, sides, **_shape(tokenizer, record, options), what="evaluate: pairs")
    gap = ratio[: len(pairs)] - ratio[len(pairs) :]
    return pairs.assign(gap=gap, margin=record["beta"] * gap, correct=(np.sign(gap) + 1) / 2)


def divergence(
    model: Any,
    tokenizer: Any,
    rows: pd.DataFrame,
    own: list[Sampled],
    record: dict[str, Any],
    options: Generate,
) -> np.ndarray:
    """ln(policy/base) of the policy's own answers to `occasions`, nats: its mean estimates the KL. Shape (n,).

    Of the tokens that were sampled, and no others: an answer that was cut short has no end token, and its text
    may be written with other tokens.
    """
    completions = [(prompt, list(s.ids)) for prompt, s in zip(rows["tokens"], own, strict=True)]
    return log_ratios(model, completions, **_shape(tokenizer, record, options), what="evaluate: KL")


def _shape(tokenizer: Any, record: dict[str, Any], options: Generate) -> dict[str, int]:
    """How completions are cut, as in training, and put into batches."""
    return {
        "max_length": int(record["max_length"]),
        "tokens_per_batch": options.tokens_per_batch,
        "pad": int(tokenizer.pad_token_id),
    }
