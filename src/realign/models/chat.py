"""Conversations as tokens, split where TRL splits them: prompt, then completion with its end token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from realign.core.ids import Message

# No newline after the end token: it would become a trained completion token.
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# For base models that bring no template; the answer ends with their own end-of-text token.
PLAIN = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ 'Assistant: ' + m['content'] + eos_token }}"
    "{% else %}{{ m['role'].capitalize() + ': ' + m['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)


def prompt_tokens(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The conversation up to where the assistant begins to speak."""
    tokens: list[int] = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return tokens


def completion_tokens(tokenizer: Any, messages: Sequence[Message], text: str) -> tuple[list[int], list[int]]:
    """Prompt tokens and the tokens that `text` adds, its end token included.

    Raises:
        ValueError: the template writes the prompt differently once an answer follows.
    """
    prompt = prompt_tokens(tokenizer, messages)
    whole: list[int] = tokenizer.apply_chat_template(
        [*messages, {"role": "assistant", "content": text}], tokenize=True, return_dict=False
    )
    # A merge over the border can change the last prompt token; TRL takes the common prefix too.
    border = next((i for i, (x, y) in enumerate(zip(prompt, whole, strict=False)) if x != y), len(prompt))
    if border < len(prompt) - 1:
        raise ValueError("this chat template does not keep the prompt when an answer follows")
    return whole[:border], whole[border:]
