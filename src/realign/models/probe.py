"""What a policy must be able to do, tried before anything is paid: its chat template, its end token, LoRA's modules."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from realign.errors import UserError, listing
from realign.models.chat import inert_turns, refusal, written_by
from realign.store import ids
from realign.store.ids import Message

_ANSWER = "The answer is 4."
_COPY = "in a copy of the folder (chat_template.jinja, or chat_template in tokenizer_config.json)"


def refusals(tokenizer: Any, prompts: pd.DataFrame) -> pd.Series:
    """Why the chat template does not take each prompt, by prompt id; only those that it does not take.

    Raises:
        UserError: it takes no prompt of a split.
    """
    known = prompts.set_index("prompt_id")
    words = known["messages"].map(lambda text: refusal(tokenizer, ids.load_messages(text))).dropna()
    for split, part in known.groupby("split"):
        refused = words.reindex(part.index).dropna()
        if len(refused) == len(part):
            raise UserError(
                f"base.model: its chat template takes no {split} prompt: {refused.iloc[0]}. Give prompts that it "
                f"takes, change it {_COPY}, or name another model",
                code="model.template_refuses",
            )
    return words


def counted(refused: pd.Series, prompts: int) -> list[str]:
    """A line for each reason in `refusals`."""
    return [
        f"the chat template does not take {count} of {prompts} prompts: {words}; generate sets them aside"
        for words, count in Counter(refused).items()
    ]


def check(model: Any, tokenizer: Any, prompt: Sequence[Message], target_modules: str | list[str]) -> None:
    """Try a model with a prompt that its template takes.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompt: a conversation.
        target_modules: of train.lora.

    Raises:
        UserError: all problems are listed, each with its mend.
    """
    problems = [*_template(tokenizer, prompt), *_rows(model, tokenizer), *_modules(model, target_modules)]
    if problems:
        raise UserError(listing("the base model cannot be used:", problems), code="base.unusable")


def _template(tokenizer: Any, messages: Sequence[Message]) -> Iterator[str]:
    turns = inert_turns(tokenizer, [*messages, {"role": "assistant", "content": _ANSWER}])
    prompt = written_by(tokenizer, turns[:-1], add_generation_prompt=True)
    whole = written_by(tokenizer, turns)
    if not whole.startswith(prompt):
        border = next((i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(whole))
        yield (
            f"base.model: its chat template ends a prompt with {prompt[border:]!r}, and leaves that out where an answer "
            "follows, so that what is sampled and what is trained on would differ. Take it out of the generation "
            f"prompt {_COPY}, and name the copy"
        )
    _, answer, after = whole.rpartition(_ANSWER)
    end = str(tokenizer.eos_token)
    if not answer:
        yield f"base.model: its chat template leaves out the answer; change it {_COPY}, and name the copy"
    elif not after.strip().startswith(end):
        ends = repr(after.strip()) if after.strip() else "nothing"
        yield (
            f"base.model: its chat template ends an answer with {ends}, and the end token is {end!r}, so that no answer "
            f"would ever end. Make them the same {_COPY}: write {{{{ eos_token }}}} after an assistant's turn, or set "
            "eos_token (tokenizer_config.json); then name the copy"
        )


def _rows(model: Any, tokenizer: Any) -> Iterator[str]:
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        yield (
            f"base.model: its tokenizer has {len(tokenizer)} tokens and its embeddings {rows} rows; they are not of "
            "one model. Name a folder in which they fit"
        )


def _modules(model: Any, target_modules: str | list[str]) -> Iterator[str]:
    """LoRA's target modules as PEFT finds them: a list by the ends of names, a text as a pattern of whole names.

    PEFT passes over a name of a list that matches nothing, where another does, without a word.
    """
    if target_modules == "all-linear":
        return
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    kinds = nn.Linear | Conv1D | nn.Embedding
    fit = {name: module for name, module in model.named_modules() if isinstance(module, kinds)}
    wanted = [target_modules] if isinstance(target_modules, str) else target_modules
    lacking = [one for one in wanted if not _any(one, list(fit), isinstance(target_modules, str))]
    if lacking:
        ends = (model.get_input_embeddings(), model.get_output_embeddings())
        there = {name.rpartition(".")[2] for name, module in fit.items() if module not in ends}
        yield (
            f"train.lora.target_modules: the model has no {', '.join(lacking)} that LoRA could adapt; it has "
            f"{', '.join(sorted(there))}. Name some of these, or all-linear"
        )


def _any(wanted: str, names: list[str], is_pattern: bool) -> bool:
    if not is_pattern:
        return any(f".{name}".endswith(f".{wanted}") for name in names)
    try:
        return any(re.fullmatch(wanted, name) for name in names)
    except re.error:
        return False
