"""Makes the pictures of the documents: python tests/integration/annotate_pictures.py docs/images."""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from annotate_browser import DESKTOP, PHONE, browser
from annotate_server import Server, pair, publish

from realign.config.params import People
from realign.labelers.human.page.store import Store
from realign.store.host import Host

_QUESTIONS = (
    (
        "How do I boil an egg so that the yolk stays soft?",
        "Bring water to a **rolling boil**, lower the egg in with a spoon and leave it for *six and a half "
        "minutes*.\n\n1. Boil the water first\n2. Six and a half minutes\n3. Cold water, then peel\n\n"
        "Eggs from the fridge need half a minute more.",
        "Bring water to a boil, lower the egg in with a spoon and leave it for eight minutes. Then put it under "
        "cold water and peel it. Boiled eggs are a popular food around the world and have many uses.",
    ),
    (
        "What is the difference between a list and a tuple in Python?",
        "A list can be changed, a tuple cannot:\n\n```python\nnumbers = [1, 2]\nnumbers.append(3)  # fine\n"
        "point = (1, 2)\npoint.append(3)  # AttributeError\n```\n\nUse a tuple for things that belong together.",
        "Both hold values in order.\n\n| | list | tuple |\n|-|-|-|\n| can change | yes | no |\n| hashable | no | yes |\n\n"
        "Tuples are always faster, so prefer them everywhere.",
    ),
    (
        "Write a short apology to a neighbour for loud music.",
        "Dear neighbour, I am sorry about last night. The music was far too loud, and it will not happen again.",
        "Sorry for the noise! Next time just knock, we are friendly people.",
    ),
    (
        "Is it safe to leave a phone charging overnight?",
        "Yes, mostly. Modern phones stop drawing current when they are full. Keep it off the pillow.",
        "No. The battery may explode at any moment, so never do it.",
    ),
)  # fmt: skip
_PEOPLE = ("anna", "ben", "chen")
_SETTINGS = People(
    min_votes=3, min_share=1.0, gold_share=0.1, repeat_share=0.1, consensus="majority", audit=False
)


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for number in range(60):
            question, first, second = _QUESTIONS[number % 4]
            marked = question if number < 4 else f"{question} ({number})"
            rows.append(pair(number, marked, first, second, 1 - number / 60, "a" if number > 50 else None))
        batch = publish(folder, rows)
        with Server(
            folder, _PEOPLE, "--min-votes", "3", "--gold-share", "0.1", "--repeat-share", "0.1"
        ) as server:
            _vote(folder, batch.set_index("pair_id")["text_a"].to_dict())
            with browser(size=DESKTOP) as person:
                person.open(server.links["anna"])
                for size, kind in ((DESKTOP, "desktop"), (PHONE, "phone")):
                    person.resize(*size)
                    person.open(server.address)
                    person.driver.save_screenshot(target / f"annotate-{kind}.png")
                person.open(server.links["lead"])
                person.resize(1280, 1500)
                person.open(f"{server.address}/overview")
                person.driver.save_screenshot(target / "annotate-overview.png")


class _Clock(Host):
    """A time of day that `seconds` sets."""

    seconds = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


def _vote(folder: Path, first: dict[str, str]) -> None:
    """Some votes of people of different care, each at their own speed."""
    rng, clock = np.random.default_rng(3), _Clock()
    store = Store(folder / "votes.sqlite", clock)
    better = {row[1] for row in _QUESTIONS}
    for name, care, speed in (("anna", 0.95, 14), ("ben", 0.85, 22), ("chen", 0.65, 8)):
        for _ in range(37 if name == "anna" else 45):
            found = store.next(name, _SETTINGS)
            if found is None:
                break
            right = "left" if found.left in better else "right"
            wrong = "right" if right == "left" else "left"
            choice = right if rng.random() < care else (wrong if rng.random() < 0.7 else "tie")
            clock.seconds += rng.gamma(4, speed / 4)
            comment = "The time is wrong." if choice == wrong and rng.random() < 0.3 else None
            store.vote(name, found.showing, choice, int(rng.integers(1, 4)), comment)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
