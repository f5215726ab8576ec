"""Writes ``tasks.jsonl``, the embedded data set: prompts, their rules, and authored responses.

The data are a simulation. Every response is composed by this program in the name of one of
three imaginary authors, who differ in how often they fall into each voice (see ``HABITS``); no
person wrote them. Run it to rewrite the file, or with ``--check`` to compare instead.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from families import FAMILIES, Item, seeded

TASKS_FILE = Path(__file__).with_name("tasks.jsonl")
PROMPTS_PER_FAMILY = 80
ROSTER = ("author-good",) * 2 + ("author-fair",) * 2 + ("author-poor",)
# Every question is asked plainly and once in one of these ways.
ADDRESSES = (
    "Hello. {}",
    "I have a question. {}",
    "Please help me. {}",
    "{} Thank you.",
)

Voice = Callable[[Item, random.Random], str]

OPENERS = ("Certainly.", "Of course.", "Gladly.", "Thank you for asking.", "I am glad to help.")
CLOSERS = ("I hope that helps.", "You are welcome.", "Thank you for asking.", "It was a pleasure.")
RAMBLES = (
    "Well, um, I guess {}, you know, or so people say.",
    "{}, or that is what I think, anyway, um, yes.",
    "Hmm, let me see, actually, now I have it, {}, basically.",
    "so um well {} I guess",
    "I had to think about it for a long time, but I really guess {}.",
)
REFUSALS = (
    "I do not know.",
    "I do not know that.",
    "Sorry, I do not know.",
    "I am sorry, but I can not answer that.",
    "I am not sure about that one, so ask a friend.",
    "no idea",
    "not sure",
    "no",
)
ASIDES = (
    "I like the sea.",
    "My friend has a garden and a boat.",
    "It is a fine time for a walk by the sea.",
    "The bus is slow, so I read my book and I looked at the garden.",
    "once there was a fox and then it ran away",
    "we had bread and soup",
    "Thank you, I had a very good time in the garden with my friend.",
)
INSULTS = (
    "{}, you fool.",
    "Only a fool would ask that, but {}.",
    "That is a stupid question, and you are lazy.",
    "Do it yourself, you lazy fool.",
    "what a stupid question",
    "Shut up.",
    "{}. I hate this silly question.",
    "only an idiot asks that, {}",
)
WAFFLES = (
    "That is a hard thing to say, and there is so much to think about.",
    "Well, some people say this, and some people say that, um, and who can tell.",
    "There are many ways to see it, and I could go on and on about it for a long time.",
    "you know it is really a thing that people ask a lot",
    "It may be so, or it may not be so.",
)


def plain(item: Item, rng: random.Random) -> str:
    """A right answer in a full statement."""
    return _sentence(_statement(item, item.right, rng))


def brief(item: Item, rng: random.Random) -> str:
    """A right answer and nothing more, neatly put."""
    return _sentence(rng.choice(item.right))


def courteous(item: Item, rng: random.Random) -> str:
    """A right answer with a kind word before or after it."""
    answer = _sentence(_statement(item, item.right, rng))
    if rng.random() < 0.5:
        return f"{rng.choice(OPENERS)} {answer}"
    return f"{answer} {rng.choice(CLOSERS)}"


def warm(item: Item, rng: random.Random) -> str:
    """A right answer with a kind word on both sides."""
    answer = _sentence(_statement(item, item.right, rng))
    return f"{rng.choice(OPENERS[:3])} {answer} {rng.choice(CLOSERS)}"


def curt(item: Item, rng: random.Random) -> str:
    """A right answer thrown down without capital or stop."""
    return _careless(rng.choice(item.right))


def rambling(item: Item, rng: random.Random) -> str:
    """A right answer among filler words."""
    return _fill(rng.choice(RAMBLES), _statement(item, item.right, rng))


def partial(item: Item, rng: random.Random) -> str:
    """A half-right answer, well put."""
    return _sentence(_statement(item, item.near, rng))


def mistaken(item: Item, rng: random.Random) -> str:
    """A wrong answer, well put."""
    return _sentence(_statement(item, item.wrong, rng))


def kindly_mistaken(item: Item, rng: random.Random) -> str:
    """A wrong answer, put very well."""
    return f"{rng.choice(OPENERS)} {mistaken(item, rng)}"


def blurted(item: Item, rng: random.Random) -> str:
    """A wrong or half-right answer thrown down."""
    return _careless(rng.choice((*item.wrong, *item.near)))


def refusing(_item: Item, rng: random.Random) -> str:
    """No answer, and it says so."""
    return rng.choice(REFUSALS)


def straying(_item: Item, rng: random.Random) -> str:
    """Something else altogether."""
    return rng.choice(ASIDES)


def rude(item: Item, rng: random.Random) -> str:
    """An insult, with or without an answer, which may be right."""
    values = item.right if rng.random() < 0.5 else item.wrong
    return _fill(rng.choice(INSULTS), _statement(item, values, rng))


def stuttering(item: Item, rng: random.Random) -> str:
    """An answer of any worth with words said twice."""
    values = rng.choice((item.right, item.near, item.wrong))
    words = _statement(item, values, rng).split()
    twice = {rng.randrange(len(words)), rng.randrange(len(words))}
    return " ".join(f"{word} {word}" if i in twice else word for i, word in enumerate(words))


def waffling(_item: Item, rng: random.Random) -> str:
    """Many words and no answer."""
    return rng.choice(WAFFLES)


HABITS: Mapping[str, Mapping[Voice, float]] = {
    "author-good": {
        plain: 6,
        brief: 3.5,
        courteous: 5,
        warm: 2.5,
        curt: 1,
        rambling: 0.5,
        partial: 1.5,
        mistaken: 1.5,
        refusing: 0.5,
    },
    "author-fair": {
        plain: 2.5,
        brief: 1.5,
        courteous: 1,
        curt: 3,
        rambling: 3,
        partial: 4,
        mistaken: 2,
        kindly_mistaken: 1.5,
        refusing: 1.5,
    },
    "author-poor": {
        plain: 0.5,
        curt: 1,
        rambling: 1,
        partial: 1,
        mistaken: 2,
        blurted: 3,
        refusing: 1.5,
        straying: 3,
        rude: 3,
        stuttering: 2.5,
        waffling: 2,
    },
}


def main(arguments: list[str] | None = None) -> int:
    """Write the data set, or compare the file with what would be written.

    Args:
        arguments: Command line; the process's own when omitted.

    Returns:
        Exit status: 1 if ``--check`` finds a difference, otherwise 0.
    """
    parser = argparse.ArgumentParser(description="Write the embedded data set.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check: bool = parser.parse_args(arguments).check
    content = compose().encode("utf-8")
    if not check:
        TASKS_FILE.write_bytes(content)
        return 0
    if TASKS_FILE.exists() and TASKS_FILE.read_bytes() == content:
        return 0
    print(f"{TASKS_FILE.name} differs from what author.py writes; run author.py", file=sys.stderr)
    return 1


def compose() -> str:
    """The whole data set as JSON lines, the families taking turns."""
    chosen = [_choose(name, make()) for name, make in FAMILIES.items()]
    items = chain.from_iterable(_asked(item) for turn in zip(*chosen, strict=True) for item in turn)
    return "".join(json.dumps(_record(item), ensure_ascii=False) + "\n" for item in items)


def _choose(family: str, items: list[Item]) -> list[Item]:
    return seeded("choose", family).sample(items, PROMPTS_PER_FAMILY)


def _asked(item: Item) -> tuple[Item, Item]:
    address = seeded("address", item.prompt).choice(ADDRESSES)
    return item, replace(item, prompt=address.format(item.prompt))


def _record(item: Item) -> dict[str, object]:
    responses = [{"text": text, "generator": author} for author, text in _responses(item)]
    return {"prompt": item.prompt, "rule": item.rule, "responses": responses}


def _responses(item: Item) -> Iterator[tuple[str, str]]:
    """Author and text of each response, no text twice."""
    rng = seeded("responses", item.prompt)
    seen: set[str] = set()
    for author in ROSTER:
        voices, weights = zip(*HABITS[author].items(), strict=True)
        text = ""
        while not text or text in seen:
            (voice,) = rng.choices(voices, weights)
            text = voice(item, rng)
        seen.add(text)
        yield author, text


def _statement(item: Item, values: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(item.forms).format(rng.choice(values))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _careless(text: str) -> str:
    return text.rstrip(".?").lower()


def _fill(frame: str, statement: str) -> str:
    filled = frame.format(statement.rstrip(".?"))
    return filled[0].upper() + filled[1:] if filled.endswith(".") else filled


if __name__ == "__main__":
    sys.exit(main())
