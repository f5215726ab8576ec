"""Requests for a judge that tests make by hand, and a process that asks them, to be killed.

python bench/synthetic/judge_builders.py FOLDER URL PAIRS '{"concurrency": 32}'
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config import params, params_file
from realign.evaluation.intervals import Resampling
from realign.labelers.base import LabelRequest
from realign.labelers.llm_judge import run
from realign.labelers.llm_judge.backend import Completion
from realign.labelers.llm_judge.budget import Cost
from realign.labelers.llm_judge.jobs import Job
from realign.labelers.llm_judge.labeler import label as llm_judge
from realign.labelers.llm_judge.spec import JudgeSpec, judge_spec
from realign.store import ids
from realign.store.host import Host
from realign.store.ledger import Answer
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
    """The label section with a judge behind this address; None for a model that runs here."""
    shipped = params_file.load(ROOT / "params.yaml").label.model_dump()
    given = {
        "backend": "server" if url else "local",
        "server": url,
        "model": {"name": "fake", "revision": "1" if url else "0" * 40},
        "rubric": str(ROOT / shipped["judge"]["rubric"]),
        "timeout": 5.0,
    }
    caps = {"calls": None, "money": None, "then": "stop"} | (budget or {})
    changed = {"labeler": "llm_judge", "judge": shipped["judge"] | given | judge, "budget": caps}
    return params.Label(**shipped | changed)


def spec(settings: params.Label) -> JudgeSpec:
    """What the judge of these settings is asked."""
    return judge_spec(settings.judge, Path(settings.judge.rubric))


def request(
    folder: Path,
    asked: pd.DataFrame,
    settings: params.Label,
    seed: int = 7,
    environ: dict[str, str] | None = None,
) -> LabelRequest:
    """These pairs put to this judge, in a project of its own."""
    empty = pd.DataFrame()
    host = Host() if environ is None else Host(environ)
    return LabelRequest(
        pairs=asked, scores=empty, settings=settings, seed=seed, work=Work(folder / ".work", "label", host=host),
        base=folder, vectors=_no_vectors, votes=empty, known=empty, rubric=Path(settings.judge.rubric),
        labels=empty, intervals=Resampling(2000, 0.95, seed), uses=asked.assign(purpose="train", strategy="easy"),
    )  # fmt: skip


def _no_vectors(texts: Any) -> np.ndarray:
    raise AssertionError("a judge needs no vectors")


def answered(judge: JudgeSpec, pair: str, given_at: str = "2026-01-01T00:00:00+00:00", **texts: str) -> Job:
    """A pair with these raw answers by order (ab="...", ba="..."), read as a run reads them."""
    job = Job(judge, pair, f"prompt {pair}", ("[]", "", ""), 0, Cost(2, 0.0), {}, (), {})
    answers: dict[Any, Answer] = {}
    for shown, text in texts.items():
        order: Any = shown
        answers[shown] = run.Order(job, order, None).take(Completion(text, 10, 2), 0.5, given_at)
    return replace(job, answers=answers)


if __name__ == "__main__":
    home, address, number, changes = sys.argv[1:]
    labels = llm_judge(request(Path(home), pairs(int(number)), label(address, **json.loads(changes))))
    print(json.dumps({"winner": labels.winner.tolist(), "p_a": labels.p_a.tolist(), "facts": labels.facts}))
