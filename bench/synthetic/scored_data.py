"""Scored data with a known truth, as files and as tables."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd

from realign.experiments.replay.data import Scored

D = 8


def texts(random, words):
    return " ".join(random.choice(["alpha", "beta", "gamma", "delta", "eps", "zeta"], size=words))


def write(path: Path, prompts=60, k=5, annotators=("one", "two"), seed=0) -> Path:
    """A `multi` file: each annotator sees the same quality through its own noise."""
    random = np.random.default_rng(seed)
    rows = []
    for p in range(prompts):
        responses = []
        for r in range(k):
            quality = random.normal()
            scores = {a: round(float(quality + 0.5 * random.normal()), 3) for a in annotators}
            text = f"{p} {r} {texts(random, int(random.integers(3, 40)))}"
            responses.append({"text": text, "generator": f"m{r}", "scores": scores})
        rows.append({"prompt": f"Question {p}?", "responses": responses})
    with gzip.open(path, "wt") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def scored(prompts=200, k=5, seed=0, signal=1.0, noise=1.0, far=0.0):
    """Quality is `signal` times the first coordinate; two annotators see it through noise.

    With `far` above 0, annotators agree more the farther two vectors are apart: REAL's world.

    Returns:
        The data and its embeddings.
    """
    random = np.random.default_rng(seed)
    rows, vectors, one, two = [], [], {}, {}
    for p in range(prompts):
        for r in range(k):
            id_ = f"p{p:04d}r{r}"
            vector = random.normal(size=D)
            rows.append((f"p{p:04d}", id_, r, f"{id_} text", None, "given", int(random.integers(5, 200))))
            vectors.append((id_, vector.astype("float32")))
            quality = signal * vector[0] + far * 3 * (r % 2) * (1 if vector[1] > 0 else -1)
            one[id_], two[id_] = (round(quality + noise * random.normal(), 6) for _ in range(2))
    names = ["prompt_id", "response_id", "k", "text", "generator", "finish", "tokens"]
    score = pd.Series(one)
    data = Scored(
        responses=pd.DataFrame(rows, columns=names), score=score, quality=score, second=pd.Series(two), shape="multi",
        annotator="one", checker="two", scale="plain", set_aside={},
    )  # fmt: skip
    return data, pd.DataFrame(vectors, columns=["response_id", "vector"])
