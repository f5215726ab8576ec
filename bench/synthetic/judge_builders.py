"""Questions for a judge that tests make by hand, and a process that asks them, to be killed.

python bench/synthetic/judge_builders.py FOLDER URL PAIRS '{"concurrency": 32}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config import params, params_file
from realign.labelers.base import Question
from realign.labelers.llm_judge.labeler import llm_judge
from realign.store import ids
from realign.store.work import Work

ROOT = Path(__file__).parents[2]
_COLUMNS = ["pair_id", "prompt_id", "messages", "rule", "response_a", "response_b", "text_a", "text_b"]


def pairs(count: int, start: int = 0) -> pd.DataFrame:
    """So many pairs of two different responses, as a labeler gets them; number n is always the same."""
    rows = []
    for number in range(start, start + count):
        messages = ids.dump_messages([{"role": "user", "content": f"What is {number} plus {number}?"}])
        prompt = ids.prompt_id(ids.load_messages(messages))
        texts = [f"The answer is {2 * number}." + " Sure." * (number % 4), f"I do not know what {number} is."]
        by_id = {ids.response_id(prompt, text): text for text in texts}
        a, b = ids.shown_order(prompt, *by_id)
        rows.append((ids.pair_id(prompt, a, b), prompt, messages, None, a, b, by_id[a], by_id[b]))
    return pd.DataFrame(rows, columns=_COLUMNS)


def label(url: str | None, budget: dict[str, Any] | None = None, **judge: Any) -> params.Label:
    """The label section with a judge behind this address."""
    shipped = params_file.load(ROOT / "params.yaml").label.model_dump()
    told = {
        "server": url,
        "model": {"name": "fake", "revision": "1"},
        "rubric": str(ROOT / shipped["judge"]["rubric"]),
        "timeout": 5.0,
    }
    caps = {"calls": None, "money": None, "then": "stop"} | (budget or {})
    changed = {"labeler": "llm_judge", "judge": shipped["judge"] | told | judge, "budget": caps}
    return params.Label(**shipped | changed)


def question(folder: Path, asked: pd.DataFrame, settings: params.Label, seed: int = 7) -> Question:
    """These pairs put to this judge, in a project of its own."""
    empty = pd.DataFrame()
    return Question(
        asked, empty, settings, seed, Work(folder / ".work", "label"), folder, _no_vectors, empty, empty
    )


def _no_vectors(texts: Any) -> np.ndarray:
    raise AssertionError("a judge needs no vectors")


if __name__ == "__main__":
    home, address, number, changes = sys.argv[1:]
    found = llm_judge(question(Path(home), pairs(int(number)), label(address, **json.loads(changes))))
    said = {"winner": found.winner.tolist(), "p_a": found.p_a.tolist(), "facts": found.facts}
    print(json.dumps(said))
