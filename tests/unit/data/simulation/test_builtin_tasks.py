"""The embedded data set: reproducible, distinct, plausible, and known to the rule."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from realign.data.simulation.rule import CORRECTNESS, quality

BUILTIN = Path(__file__).parents[4] / "data" / "builtin"
GENERATORS = ("author-good", "author-fair", "author-poor")


@cache
def tasks() -> list[dict[str, Any]]:
    with (BUILTIN / "tasks.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@cache
def marked() -> list[tuple[str, str, float]]:
    """Generator, text and quality of every authored response."""
    return [
        (response["generator"], response["text"], quality(task["rule"], response["text"]))
        for task in tasks()
        for response in task["responses"]
    ]


def run_author(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(folder / "author.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_file_is_what_the_program_writes() -> None:
    assert run_author(BUILTIN, "--check").returncode == 0


def test_check_notices_a_change_and_a_run_mends_it(tmp_path: Path) -> None:
    folder = shutil.copytree(BUILTIN, tmp_path / "builtin")
    target = folder / "tasks.jsonl"
    original = target.read_bytes()
    target.write_bytes(original.replace(b"Monday", b"Moonday", 1))
    refused = run_author(folder, "--check")
    assert refused.returncode == 1
    assert "run author.py" in refused.stderr
    assert run_author(folder).returncode == 0
    assert target.read_bytes() == original
    target.unlink()
    assert run_author(folder, "--check").returncode == 1


def test_keys_come_in_the_agreed_order() -> None:
    for task in tasks():
        assert list(task) == ["prompt", "rule", "responses"]
        assert next(iter(task["rule"])) == "task"
        assert all(list(response) == ["text", "generator"] for response in task["responses"])


def test_prompts_are_many_short_and_distinct_once_normalised() -> None:
    prompts = [task["prompt"] for task in tasks()]
    normalised = {" ".join(re.findall(r"\w+", prompt.casefold())) for prompt in prompts}
    assert len(normalised) == len(prompts) >= 600
    assert max(len(prompt.split()) for prompt in prompts) <= 18


def test_responses_are_several_short_and_distinct() -> None:
    for task in tasks():
        texts = [response["text"] for response in task["responses"]]
        assert len(set(texts)) == len(texts)
        assert 4 <= len(texts) <= 10
        assert all(text == text.strip() != "" for text in texts)
        assert {response["generator"] for response in task["responses"]} == set(GENERATORS)
    lengths = [len(text.split()) for _, text, _ in marked()]
    assert np.quantile(lengths, 0.99) <= 22
    assert max(lengths) <= 30


def test_families_are_even_and_known_to_the_rule() -> None:
    counts = Counter(task["rule"]["task"] for task in tasks())
    assert counts.keys() == CORRECTNESS.keys()
    assert max(counts.values()) <= 1.5 * min(counts.values())


def test_families_take_turns_so_that_any_head_of_the_file_is_mixed() -> None:
    head = {task["rule"]["task"] for task in tasks()[: 2 * len(CORRECTNESS)]}
    assert head == CORRECTNESS.keys()


def test_every_prompt_can_be_answered_well() -> None:
    best = [max(quality(t["rule"], r["text"]) for r in t["responses"]) for t in tasks()]
    assert np.mean(np.array(best) > 0.8) > 0.95


def test_generators_differ_on_average_and_overlap() -> None:
    by_generator = {
        name: np.array([mark for generator, _, mark in marked() if generator == name]) for name in GENERATORS
    }
    for better, worse in pairwise(by_generator.values()):
        assert better.mean() > worse.mean() + 0.05
        wins = np.mean(better[:, None] > worse[None, :])
        assert 0.5 < wins < 0.95
        assert np.quantile(worse, 0.9) > np.quantile(better, 0.1)


def test_qualities_spread_over_the_whole_range() -> None:
    marks = np.array([mark for _, _, mark in marked()])
    shares = np.histogram(marks, bins=5, range=(0, 1))[0] / len(marks)
    assert shares.min() > 0.02
    assert len(np.unique(marks.round(6))) > 500


def test_length_is_no_proxy_of_quality() -> None:
    lengths = np.array([len(text.split()) for _, text, _ in marked()])
    marks = np.array([mark for _, _, mark in marked()])
    assert abs(spearmanr(lengths, marks).statistic) < 0.4
    for short_or_long in (lengths <= 3, lengths >= 10):
        assert 0.1 < np.mean(marks[short_or_long] > 0.7) < 0.9


def test_vocabulary_is_small_and_shared_between_prompts() -> None:
    words: Counter[str] = Counter()
    for task in tasks():
        texts = [task["prompt"], *(response["text"] for response in task["responses"])]
        words.update({word for text in texts for word in re.findall(r"\w+", text.casefold())})
    assert len(words) < 600
    assert np.mean([count >= 3 for count in words.values()]) > 0.8


@pytest.mark.parametrize("task", ["arithmetic", "measure", "opposite", "plural", "calendar"])
def test_facts_recur_in_several_phrasings(task: str) -> None:
    rules = sorted(json.dumps(t["rule"]) for t in tasks() if t["rule"]["task"] == task)
    repeats = [len(list(group)) for _, group in groupby(rules)]
    assert np.mean([count > 1 for count in repeats for _ in range(count)]) > 0.6
