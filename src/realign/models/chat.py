"""Conversations as tokens, split where TRL splits them: prompt, then completion with its end token.

A template joins turns and marks into one text, so a mark that stands in a turn's own words would open
a turn that nobody took. `inert` and `inert_turns` take that power from it, wherever text of data or of
a model goes to a tokenizer.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from realign.errors import UserError
from realign.store.ids import Message

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


def inert(tokenizer: Any, text: str) -> str:
    """The text as the model may see it: a blank after the first character of every special token in it.

    A text that holds none comes back as it is. A mark of one character has no other spelling, and stays.
    """
    marks = _marks(tokenizer, str(tokenizer.chat_template))
    return marks.sub(r"\g<0> ", text) if marks else text


def inert_turns(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    """The conversation with `inert` contents: what a chat template may be given."""
    return [{"role": m["role"], "content": inert(tokenizer, m["content"])} for m in messages]


@lru_cache(maxsize=8)
def _marks(tokenizer: Any, template: str) -> re.Pattern[str] | None:
    """Matches the first character of every special token, also of two that overlap.

    Special are those that decoding leaves out, and the marks that the template writes around a turn:
    some models add them as plain tokens. Other added tokens (<think>, runs of blanks) are text.

    Args:
        tokenizer: any Hugging Face tokenizer.
        template: its chat template, named only because the result depends on it.
    """
    added = tokenizer.added_tokens_decoder.values()
    special = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
    if tokenizer.chat_template:
        try:
            turn = written_by(tokenizer, [{"role": "user", "content": "x"}])
        except UserError:  # it takes no conversation of one user turn
            turn = template
        written = {token.content for token in added if token.content in turn}
        special |= {word for word in written if not re.fullmatch(r"[\w\s]+", word)}
    words = [re.escape(word) for word in sorted(special) if len(word) > 1]
    return re.compile(rf"(?s)(?={'|'.join(words)}).") if words else None


def written_by(tokenizer: Any, messages: Sequence[Message], **how: Any) -> Any:
    """What the chat template makes of turns whose contents are inert: its text, or with tokenize=True its tokens.

    Raises:
        UserError: it does not take them; its own words are quoted.
    """
    try:
        return tokenizer.apply_chat_template(messages, **{"tokenize": False, "return_dict": False} | how)
    except (TemplateError, ValueError, TypeError, LookupError, AttributeError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"the chat template does not take a conversation: {words}", code="model.template_refuses"
        ) from None


def refusal(tokenizer: Any, messages: Sequence[Message]) -> str | None:
    """Why the chat template does not take this conversation as it is, in its own words; None where it does."""
    turns = inert_turns(tokenizer, messages)
    try:
        text = written_by(tokenizer, turns, add_generation_prompt=True)
    except UserError as error:
        return str(error).partition(": ")[2]
    for number, turn in enumerate(turns, start=1):
        if turn["content"].strip() not in text:
            return f"it leaves out or changes turn {number} ({turn['role']})"
    return None


def prompt_tokens(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The conversation up to where the assistant begins to speak.

    Raises:
        UserError: the template does not take it.
    """
    turns = inert_turns(tokenizer, messages)
    return list(written_by(tokenizer, turns, add_generation_prompt=True, tokenize=True))


def completion_tokens(tokenizer: Any, messages: Sequence[Message], text: str) -> tuple[list[int], list[int]]:
    """Prompt tokens and the tokens that `text` adds, its end token included.

    Raises:
        UserError: the template does not take it, or writes the prompt differently once an answer follows.
    """
    prompt = prompt_tokens(tokenizer, messages)
    turns = inert_turns(tokenizer, [*messages, {"role": "assistant", "content": text}])
    whole = list(written_by(tokenizer, turns, tokenize=True))
    # A merge over the border can change the last prompt token; TRL takes the common prefix too.
    border = next((i for i, (x, y) in enumerate(zip(prompt, whole, strict=False)) if x != y), len(prompt))
    if border < len(prompt) - 1:
        raise UserError(
            "the chat template does not keep the prompt when an answer follows", code="model.template_differs"
        )
    return whole[:border], whole[border:]
