"""The prompt families: what is asked, what counts as right, and how people put their answers.

Each family function lists every item it can make; ``author.py`` picks among them. Facts are few
and come back in several phrasings (sums undo as differences, list items return as plurals and in
sorting), so that an answer to one prompt can be learnt from others.
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from vocabulary import (
    ASKING,
    BONDS,
    COUNTS,
    DAYS,
    GREETINGS,
    KIN,
    KINDS,
    MEASURES,
    MONTHS,
    NAMES,
    NOUNS,
    OBJECTS,
    OPPOSITES,
    SORTABLE,
)


@dataclass(frozen=True)
class Item:
    """One prompt, its rule, and the makings of good and bad answers to it.

    Attributes:
        prompt: The question.
        rule: What the quality rule needs to know to mark an answer.
        forms: Ways to put a value into a statement, each with one ``{}``.
        right: Values that answer the prompt.
        near: Values that answer it in part: hedges, near misses, incomplete lists.
        wrong: Values that do not answer it.
    """

    prompt: str
    rule: Mapping[str, object]
    forms: tuple[str, ...]
    right: tuple[str, ...]
    near: tuple[str, ...]
    wrong: tuple[str, ...]


def seeded(*labels: str) -> random.Random:
    """A generator that depends on the labels alone."""
    digest = hashlib.sha256("|".join(labels).encode("utf-8")).digest()
    return random.Random(int.from_bytes(digest, "big"))


def arithmetic() -> list[Item]:
    """Sums, and the differences that undo them."""
    items: list[Item] = []
    for a, b in BONDS:
        total = a + b
        for x, y in ((a, b), (b, a)):
            plus = (f"{x} plus {y} is {{}}", "the answer is {}", "it is {}", "the sum is {}")
            minus = (f"{total} minus {x} is {{}}", "the answer is {}", "it is {}", "{} are left")
            asked = (
                (f"What is {x} plus {y}?", (x, y), total, plus),
                (f"Add {x} and {y}.", (x, y), total, plus),
                (f"What is {total} minus {x}?", (total, x), y, minus),
                (f"Take {x} away from {total}.", (total, x), y, minus),
            )
            items += [_number_item("arithmetic", *question) for question in asked]
    return items


def measure() -> list[Item]:
    """Amounts of time, length, weight and money in a smaller unit."""
    items: list[Item] = []
    for amount, number, unit, answer in MEASURES:
        forms = (
            f"there are {{}} in {amount}",
            f"in {amount} there are {{}}",
            "that is {}",
            "it is {}",
        )
        prompts = (
            f"How many {unit} are in {amount}?",
            f"How many {unit} make {amount}?",
            f"Change {amount} into {unit}.",
            f"Give {amount} in {unit}.",
        )
        wrong = (answer * 10, answer // 2, answer * 2, answer + 5)
        items += [
            Item(
                prompt,
                {"task": "measure", "answer": answer, "unit": unit, "given": [number]},
                forms,
                right=(f"{answer} {unit}",),
                near=(f"{answer}", f"{answer} or {answer * 2} {unit}", f"{answer + 1} {unit}"),
                wrong=tuple(f"{value} {unit}" for value in wrong),
            )
            for prompt in prompts
        ]
    return items


def opposite() -> list[Item]:
    """Opposites, asked both ways round."""
    pool = [word for pair in OPPOSITES for word in pair]
    items: list[Item] = []
    for left, right in OPPOSITES:
        for given, answer in ((left, right), (right, left)):
            prompts = (
                f"What is the opposite of {given}?",
                f"Give the opposite of {given}.",
                f"Which word means the opposite of {given}?",
                f"If it is not {given}, what is it?",
            )
            forms = (f"the opposite of {given} is {{}}", "it is {}", "the word is {}")
            items += [_word_item("opposite", p, given, answer, pool, forms) for p in prompts]
    return items


def plural() -> list[Item]:
    """Plurals, some of them irregular."""
    pool = [plural for _, plural, _ in NOUNS]
    mistakes = {plural: mistake for _, plural, mistake in NOUNS}
    items: list[Item] = []
    for noun, answer, _ in NOUNS:
        prompts = (
            f"What is the plural of {noun}?",
            f"Give the plural of {noun}.",
            f"What do you call more than one {noun}?",
            f"One {noun}, but two what?",
        )
        forms = (f"the plural of {noun} is {{}}", "we say {}", f"one {noun}, two {{}}")
        items += [
            _word_item("plural", p, noun, answer, pool, (*forms, "it is {}"), mistakes) for p in prompts
        ]
    return items


def listing() -> list[Item]:
    """Two, three or four things of a kind."""
    items: list[Item] = []
    for kind, valid in KINDS.items():
        others = [item for name, pool in KINDS.items() if name != kind for item in pool]
        rivals = [item for item in others if item not in valid]
        for word, count in COUNTS.items():
            prompts = (
                f"Name {word} {kind}.",
                f"List {word} {kind}.",
                f"Can you give me {word} {kind}?",
                f"Tell me {word} {kind}.",
            )
            forms = (f"{word} {kind} are {{}}", "{}", "here you are: {}", "I can name {}")
            items += [_list_item(p, count, valid, rivals, forms) for p in prompts]
    return items


def order() -> list[Item]:
    """Words to be put in alphabetical order."""
    items: list[Item] = []
    triples, fours = ([*combinations(SORTABLE, size)] for size in (3, 4))
    sets = [*seeded("triples").sample(triples, 26), *seeded("fours").sample(fours, 6)]
    phrasings = (
        "Put these words in order: {}.",
        "Sort these words: {}.",
        "Write these words in order from A to Z: {}.",
    )
    for words in sets:
        for phrasing in phrasings:
            rng = seeded("order", phrasing, *words)
            shuffled = rng.sample(words, len(words))
            if tuple(shuffled) == words:
                continue
            swapped = (words[1], words[0], *words[2:])
            rotated = (*words[1:], words[0])
            items.append(
                Item(
                    phrasing.format(", ".join(shuffled)),
                    {"task": "order", "answer": list(words)},
                    ("{}", "in order they are {}", "the order is {}", "from A to Z: {}"),
                    right=(_join(words),),
                    near=(_join(swapped), _join(rotated), _join(words[:-1])),
                    wrong=(_join(words[::-1]), words[-1]),
                )
            )
    return items


def calendar() -> list[Item]:
    """The day or month before or after another."""
    items: list[Item] = []
    for noun, cycle in (("day", DAYS), ("month", MONTHS)):
        for index, given in enumerate(cycle):
            for side, step in (("after", 1), ("before", -1)):
                answer = cycle[(index + step) % len(cycle)]
                prompts = (
                    f"Which {noun} comes {side} {given}?",
                    f"Name the {noun} {side} {given}.",
                    f"What {noun} is just {side} {given}?",
                )
                forms = (f"{{}} comes {side} {given}", "it is {}", f"the {noun} is {{}}")
                beyond, opposite_side = (cycle[(index + k * step) % len(cycle)] for k in (2, -1))
                rule = {"task": "calendar", "answer": answer, "given": [given], "cycle": cycle}
                items += [
                    Item(
                        prompt,
                        rule,
                        (*forms, "{}"),
                        right=(answer,),
                        near=(f"{answer} or {beyond}", f"{opposite_side} or {answer}", beyond),
                        wrong=tuple(day for day in cycle if day not in (answer, given)),
                    )
                    for prompt in prompts
                ]
    return items


def courtesy() -> list[Item]:
    """Polite requests, greetings, thanks and apologies."""
    return [*_requests(), *_greetings()]


def _requests() -> list[Item]:
    items: list[Item] = []
    for index, (key, thing) in enumerate(OBJECTS.items()):
        others = [other for name, other in OBJECTS.items() if name != key]
        other = others[(index * 5 + 3) % len(others)]
        prompts = (
            f"Ask politely for {thing}.",
            f"How do you ask politely for {thing}?",
            f"Ask a friend for {thing}.",
            f"You would like {thing}. What do you say?",
        )
        right = (
            f"May I have {thing}, please?",
            f"Could I have {thing}, please?",
            f"I would like {thing}, please.",
            f"Please could you give me {thing}?",
        )
        near = (
            f"Could I have {thing}?",
            f"I want {thing}.",
            f"{thing}, please",
            f"give me {thing}",
        )
        wrong = (f"I have {other}.", f"Where is {other}?", f"I do not like {thing}.", "yes")
        rule = {"task": "courtesy", "groups": [[key], ["please"], ASKING]}
        items += [Item(prompt, rule, ("{}", "you could say: {}"), right, near, wrong) for prompt in prompts]
    return items


def _greetings() -> list[Item]:
    items: list[Item] = []
    for name, other in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True):
        for prompts, wordings, replies in GREETINGS:
            right = tuple(reply.format(name) for reply in replies)
            near = (right[0].replace(f", {name}", ""), f"{name}.", replies[0].format(other))
            wrong = (f"I saw {other}.", f"{other} has a book.", "yes", "how are you")
            rule = {"task": "courtesy", "groups": [wordings, [name.casefold()]]}
            items += [
                Item(prompt.format(name), rule, ("{}", "you could say: {}"), right, near, wrong)
                for prompt in prompts
            ]
    return items


def _number_item(task: str, prompt: str, given: Sequence[int], answer: int, forms: tuple[str, ...]) -> Item:
    missed = [answer + step for step in (-2, -1, 1, 2, 4)]
    wrong = [value for value in missed if value > 0 and value not in given]
    return Item(
        prompt,
        {"task": task, "answer": answer, "given": list(given)},
        forms,
        right=(f"{answer}",),
        near=tuple(f"{low} or {high}" for low, high in (sorted((answer, v)) for v in wrong[:3])),
        wrong=tuple(str(value) for value in wrong),
    )


def _word_item(
    task: str,
    prompt: str,
    given: str,
    answer: str,
    pool: Sequence[str],
    forms: tuple[str, ...],
    kin: Mapping[str, str] = KIN,
) -> Item:
    rivals = [word for word in pool if word not in (given, answer)]
    near = [kin[answer]] if answer in kin else []
    hedge = seeded(prompt).choice([*near, *rivals])
    return Item(
        prompt,
        {"task": task, "answer": answer, "near": near, "rivals": rivals},
        forms,
        right=(answer,),
        near=(*near, f"{answer} or {hedge}", f"{hedge} or {answer}"),
        wrong=(*rivals, given),
    )


def _list_item(
    prompt: str, count: int, valid: Sequence[str], rivals: Sequence[str], forms: tuple[str, ...]
) -> Item:
    rng = seeded(prompt)
    right = tuple(_join(rng.sample(valid, count)) for _ in range(5))
    short = [_join(rng.sample(valid, count - 1)) for _ in range(2)]
    spoilt = [_join([*rng.sample(valid, count - 1), rng.choice(rivals)]) for _ in range(2)]
    wrong = tuple(_join(rng.sample(rivals, count)) for _ in range(4))
    rule = {"task": "list", "count": count, "valid": list(valid), "rivals": list(rivals)}
    return Item(prompt, rule, forms, right, (*short, *spoilt), wrong)


def _join(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


FAMILIES: dict[str, Callable[[], list[Item]]] = {
    "arithmetic": arithmetic,
    "measure": measure,
    "opposite": opposite,
    "plural": plural,
    "list": listing,
    "order": order,
    "calendar": calendar,
    "courtesy": courtesy,
}
