"""Sampling in which a row's text depends only on its own key, never on its neighbours in the batch.

`torch.multinomial` draws for a whole batch from one generator, so four of eight prompts come out
differently from the eight. Here every row brings its own uniform numbers, one a step, and takes the
token in whose slice of the (warped) distribution the number falls. Batches have fixed shapes
(`models.batching`), so the logits do not depend on the neighbours either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from realign.config.params import Generate
from realign.models.batching import fixed_batches
from realign.models.padding import padded
from realign.store import ids
from realign.store.work import Work

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SamplingRow:
    """One response to sample.

    Attributes:
        prompt: token ids of the prompt.
        uniforms: one number in [0, 1) for each new token. Shape (max_new_tokens,).
    """

    prompt: list[int]
    uniforms: np.ndarray


@dataclass(frozen=True)
class Sampled:
    """One sampled response.

    Attributes:
        text: decoded, without special tokens, stripped.
        finish: 'stop' or 'length'.
        tokens: number of tokens, the end token not counted.
        ids: the tokens as they were sampled, the end token among them where it came.
    """

    text: str
    finish: str
    tokens: int
    ids: tuple[int, ...]


class KeyedChoice:
    """A logits processor that leaves one token: the one that each row's own uniform number picks.

    Args:
        uniforms: shape (rows, max_new_tokens).
        prompt_length: padded length of the prompts.
    """

    def __init__(self, uniforms: torch.Tensor, prompt_length: int) -> None:
        self._uniforms = uniforms
        self._prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of shape (rows, vocabulary) with all but the chosen token at minus infinity."""
        import torch

        step = input_ids.shape[1] - self._prompt_length
        cumulative = scores.double().softmax(-1).cumsum(-1)
        wanted = self._uniforms[:, step : step + 1] * cumulative[:, -1:]
        chosen = torch.searchsorted(cumulative, wanted, right=True).clamp_max(scores.shape[1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


def sample(
    model: Any,
    tokenizer: Any,
    rows: Sequence[SamplingRow],
    options: Generate,
) -> Iterator[dict[int, Sampled]]:
    """Sample every row; yields finished batches as {row number: response}, short prompts first.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        rows: prompts of at most `options.max_prompt_tokens` tokens, with their random numbers.
        options: temperature, top_p, lengths, batch size.
    """
    import torch
    from transformers import (
        GenerationConfig,
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopPLogitsWarper,
    )

    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=options.max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    prompts = [row.prompt for row in rows]
    lengths = [len(prompt) for prompt in prompts]
    longest, new = options.max_prompt_tokens, options.max_new_tokens
    for batch in fixed_batches(lengths, options.tokens_per_batch, longest, extra=new):
        tokens, mask = padded(batch, prompts, tokenizer.pad_token_id, left=True)
        filled = [rows[i] for i in batch.filled()]
        uniforms = torch.from_numpy(np.stack([row.uniforms for row in filled])).to(model.device)
        chain = LogitsProcessorList([TemperatureLogitsWarper(options.temperature)])
        if options.top_p < 1:
            chain.append(TopPLogitsWarper(options.top_p))
        chain.append(KeyedChoice(uniforms, batch.length))
        with torch.inference_mode():
            out = model.generate(
                input_ids=tokens.to(model.device),
                attention_mask=mask.to(model.device),
                generation_config=config,
                logits_processor=chain,
            )
        sampled = out[:, batch.length :].tolist()
        yield {row: _finish(tokenizer, sampled[at]) for at, row in enumerate(batch.rows)}


def kept_samples(
    model: Any,
    tokenizer: Any,
    prompts: Mapping[str, list[int]],
    options: Generate,
    seed: int,
    base: str,
    work: Work,
) -> list[tuple[str, str, int, str, str, str, int]]:
    """K rows of the responses table a prompt; each is sampled once, ever, and depends only on its key.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompts: tokens by prompt id.
        options: the generate section.
        seed: of the run.
        base: the digest of the model's folder.
        work: keeps what is known.
    """
    settings = (str(options.temperature), str(options.top_p), str(options.max_new_tokens))
    wanted = [(prompt, k) for prompt in prompts for k in range(options.k)]

    def compute(places: list[int]) -> Iterator[dict[int, bytes]]:
        rows = [
            SamplingRow(
                prompts[prompt], ids.uniforms(options.max_new_tokens, "sample", str(seed), prompt, str(k))
            )
            for prompt, k in (wanted[place] for place in places)
        ]
        for batch in sample(model, tokenizer, rows, options):
            yield {
                at: json.dumps([s.text, s.finish, s.tokens], ensure_ascii=False).encode()
                for at, s in batch.items()
            }

    keys = [ids.digest(base, *settings, str(seed), prompt, str(k)) for prompt, k in wanted]
    makers = (__name__, "realign.models.chat")
    rows = map(json.loads, work.kept(keys, compute, "generate", "responses", makers))
    return [
        (prompt, ids.response_id(prompt, text), k, text, "policy", finish, tokens)
        for (prompt, k), (text, finish, tokens) in zip(wanted, rows, strict=True)
    ]


def _finish(tokenizer: Any, tokens: list[int]) -> Sampled:
    ended = tokenizer.eos_token_id in tokens
    kept = tokens[: tokens.index(tokenizer.eos_token_id)] if ended else tokens
    text = tokenizer.decode(kept, skip_special_tokens=True).strip()
    return Sampled(text, "stop" if ended else "length", len(kept), tuple(tokens[: len(kept) + ended]))
