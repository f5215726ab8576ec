"""local: a causal language model that runs here, by its log-probabilities of the label's letter."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from realign.config.combinations import unpinned
from realign.config.params import Judge
from realign.labelers.llm_judge.backend import Backend, Call, Completion
from realign.labelers.llm_judge.form import LETTERS as FORM
from realign.labelers.llm_judge.form import Form
from realign.labelers.llm_judge.prompt import LETTERS
from realign.models.chat import completion_tokens
from realign.models.load import load_causal, pinned, window
from realign.models.logprobs import completion_logprobs
from realign.store.host import Host

_TOKENS_PER_BATCH = 8192
_LONGEST = 8192
_DECIMALS = 6


class Local:
    """The model that `label.judge.model` names, loaded when the first call comes.

    A completion is JSON of the log-probability of each letter as the whole answer, in nats. Where the chat
    is longer than the model reads, it says so instead, which counts as an abstention.
    """

    batch = 512  # orders between two visits to the ledger: what a kill can lose
    at_once = 1

    def __init__(self, judge: Judge, form: Form, host: Host) -> None:
        self._judge = judge

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        return load_causal(pinned(self._judge.model, "label.judge.model"), key="label.judge.model")

    async def ask(self, calls: Sequence[Call]) -> list[Completion]:
        """The letters' log-probabilities, all calls together.

        Raises:
            UserError: the model cannot be loaded.
        """
        model, tokenizer = self._model
        longest = window(model, _LONGEST)
        rows = [[completion_tokens(tokenizer, call.chat, letter) for letter in LETTERS] for call in calls]
        lengths = [max(len(prompt) + len(letter) for prompt, letter in row) for row in rows]
        fitting = [at for at, length in enumerate(lengths) if length <= longest]
        log_p = completion_logprobs(
            model,
            [letter for at in fitting for letter in rows[at]],
            max_length=longest,
            tokens_per_batch=_TOKENS_PER_BATCH,
            pad=int(tokenizer.pad_token_id),
            what="judge: letters",
        ).reshape(-1, len(LETTERS))
        texts = dict(zip(fitting, map(_text, log_p), strict=True))
        return [
            Completion(texts[at], length, 0)
            if at in texts
            else Completion(f"not asked: {length} tokens, the model reads {longest}", 0, 0)
            for at, length in enumerate(lengths)
        ]

    async def close(self) -> None:
        """Nothing is held but memory."""


def _text(log_p: np.ndarray) -> str:
    return json.dumps({letter: round(float(x), _DECIMALS) for letter, x in zip(LETTERS, log_p, strict=True)})


def _problems(judge: Judge) -> list[str]:
    problems = list(unpinned("label.judge.model", judge.model, "llm_judge labels"))
    if judge.attributes:
        problems.append(
            "label.judge.attributes: a model that runs here gives one overall label; set {}, or backend: server"
        )
    if judge.server:
        problems.append("label.judge.server: backend local has no server; set null, or backend: server")
    return problems


BACKEND = Backend(Local, lambda judge: FORM, _problems, priced=False)
