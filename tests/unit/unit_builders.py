"""Small tables, settings and models that the unit tests are made of."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from realign.config import params
from realign.errors import UserError
from realign.store import ids, schemas

ROOT = Path(__file__).parents[2]
WORDS = (
    "What is two plus three?",
    "The answer is five, thank you.",
    "Name a colour that you like.",
    "Blue is a colour, and so is red.",
    "Please say good bye to them all.",
)


# Figures that tests count on, whatever the embedded default is tuned to.
PINNED: dict[str, Any] = {
    "seed": 7,
    "strategy": "easy",
    "audit": ["random", "hard", "centroid"],
    "prepare": {"eval_share": 0.25, "max_prompts": None, "max_responses": 16, "max_chars": 20_000},
    "base": {
        "build": {"hidden_size": 128, "heads": 4, "max_positions": 256},
        "pretrain": {"max_length": 96},
        "sft": {"steps": 0, "max_length": 96},
    },
    "generate": {
        "k": 8,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 48,
        "max_prompt_tokens": 96,
        "tokens_per_batch": 8192,
    },
    "embed": {"method": "hidden_state", "max_tokens": 96, "tokens_per_batch": 8192},
    "select": {"budget": None},
    "label": {
        "labeler": "oracle",
        "temperature": 0.15,
        "tie_gap": 0.0,
        "annotator": "score",
        "gold_annotator": None,
    },
    "train": {
        "beta": 0.1,
        "loss_type": ["sigmoid"],
        "loss_weights": None,
        "label_smoothing": 0.0,
        "gradient_accumulation": 1,
        "max_length": 144,
        "lora": {"r": 8, "alpha": 16, "dropout": 0.0, "target_modules": "all-linear"},
    },
    "evaluate": {"scorer": "rule", "samples": 2, "resamples": 200, "confidence": 0.95},
}


@cache
def _whole() -> dict[str, Any]:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    return _merged(YAML(typ="safe").load(text), PINNED)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    nested = {key: _merged(below[key], value) for key, value in above.items() if isinstance(value, dict)}
    return below | above | nested


def raw_params() -> dict[str, Any]:
    """The embedded default with pinned figures, as a plain dictionary of one's own."""
    return copy.deepcopy(_whole())


def section(name: str, **changes: Any) -> Any:
    """One typed section of `raw_params`, with other values; no check across sections."""
    model = params.Params.model_fields["validation" if name == "validate" else name].annotation
    return model(**_merged(raw_params()[name], changes))


def model_named(folder: Path) -> params.Model:
    """A model section that names this folder by its content."""
    return params.Model(name=str(folder), revision=ids.folder_digest(folder))


def tiny_model(seed: int = 3) -> tuple[Any, Any]:
    """A tiny policy whose logits are spread enough to tell tokens apart, with its tokenizer."""
    import torch

    from realign.models.tiny import build_model, build_tokenizer

    tokenizer = build_tokenizer(WORDS, 300)
    shape = {"hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2, "max_positions": 128}
    model = build_model(params.Architecture(vocab_size=300, **shape), tokenizer, seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(4.0)
    return model.eval(), tokenizer


def turns(text: str) -> str:
    """The JSON of a conversation of one user turn."""
    return ids.dump_messages([{"role": "user", "content": text}])


@dataclass
class World:
    """Tables that fit together: prompts with a rule each, K scored responses, vectors, all pairs' parts."""

    prompts: pd.DataFrame
    given: pd.DataFrame
    scores: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame


def world(train: int = 8, held_out: int = 4, k: int = 4, seed: int = 0) -> World:
    """The first response of each prompt is right; the later ones are ever further off and longer."""
    random = np.random.default_rng(seed)
    prompts, given, scores, responses, vectors = [], [], [], [], []
    for number in range(train + held_out):
        question = f"What is {number} plus {number}?"
        prompt = ids.prompt_id([{"role": "user", "content": question}])
        rule = json.dumps({"task": "arithmetic", "answer": 2 * number, "given": [number]})
        split = "train" if number < train else "eval"
        prompts.append((prompt, turns(question), split, ids.digest("group", question), rule))
        for place in range(k):
            text = f"The answer is {2 * number + place}{', I think' * place}."
            response = ids.response_id(prompt, text)
            given.append((prompt, response, text, "author"))
            scores.append((prompt, response, "score", 1.0 - place / 10))
            responses.append((prompt, response, place, text, "author", "given", 5 + 3 * place))
            vectors.append((response, random.normal(size=6).astype("float32")))
    return World(
        pd.DataFrame(prompts, columns=schemas.PROMPTS.names),
        pd.DataFrame(given, columns=schemas.GIVEN.names),
        pd.DataFrame(scores, columns=schemas.SCORES.names),
        pd.DataFrame(responses, columns=schemas.RESPONSES.names),
        pd.DataFrame(vectors, columns=schemas.EMBEDDINGS.names),
    )


@contextmanager
def refused(code: str, kind: type[UserError] = UserError, **words: Any) -> Iterator[Any]:
    """Expects an error for a person with this code; `match` reads its words too."""
    with pytest.raises(kind, **words) as error:
        yield error
    assert error.value.code == code


def shuffled(frame: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """The same rows in another order."""
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def request(pairs: pd.DataFrame, folder: Path, **parts: Any) -> Any:
    """A labeler's request with empty tables for what is not given; `label` changes the label section."""
    from realign.evaluation.intervals import Resampling
    from realign.labelers.base import LabelRequest
    from realign.store import ledger_batches as batches
    from realign.store.work import Work

    given = {
        "scores": pd.DataFrame(columns=schemas.SCORES.names),
        "settings": section("label", **parts.pop("label", {})),
        "seed": 7,
        "work": Work(folder / ".work", "label"),
        "base": folder / "models" / "base",
        "vectors": no_vectors,
        "votes": batches.empty(),
        "known": pairs.head(0).assign(answer=pd.Series(dtype="str")),
        "rubric": folder / "rubric.md",
        "labels": batches.empty(),
        "intervals": Resampling(200, 0.95, 7),
        "uses": pairs.assign(purpose="train", strategy="easy"),
    }
    return LabelRequest(pairs=pairs, **(given | parts))


def no_vectors(texts: Any) -> np.ndarray:
    """For labelers that must not embed anything."""
    raise AssertionError(f"nobody asked for vectors of {len(texts)} texts")


def label_row(pair: str, winner: str = "a", **parts: Any) -> dict[str, Any]:
    """A row of the ledger table with a right key."""
    from realign.store.ledger_rows import label_id

    row = {
        "pair_id": pair, "prompt_id": f"prompt of {pair}", "fingerprint": "f" * 20, "kind": "llm_judge",
        "labeler": "a judge", "annotator": "", "occasion": 0, "winner": winner,
        "p_a": {"a": 0.9, "b": 0.1}.get(winner, 0.5), "consistent": True, "answer_ab": "{}", "answer_ba": "{}",
        "label_ab": winner, "label_ba": winner,
        "rationale": None, "confidence": None, "calls": 2, "tokens_in": 100, "tokens_out": 10, "price": 0.25,
        "seconds": 0.5, "given_at": "2020-01-01T00:00:00.000000+00:00",
    } | parts  # fmt: skip
    key = label_id(row["pair_id"], row["fingerprint"], row["annotator"], row["occasion"])
    return {"label_id": key} | row


def label_rows(*rows: dict[str, Any]) -> pd.DataFrame:
    """The ledger table of these rows."""
    frame = pd.DataFrame(list(rows), columns=schemas.LEDGER.names)
    return frame.astype({"confidence": "Int64", "revision": "Int64", "consistent": "boolean"})


def vote(pair: str, who: str, winner: str = "a", **parts: Any) -> dict[str, Any]:
    """A row of the ledger table that a person gave."""
    person = {"kind": "human", "labeler": "human", "annotator": who, "consistent": None, "calls": 0,
              "tokens_in": 0, "tokens_out": 0, "price": 0.0, "answer_ab": None, "answer_ba": None,
              "label_ab": None, "label_ba": None, "p_a": {"a": 1.0, "b": 0.0}.get(winner, 0.5),
              "confidence": 3}  # fmt: skip
    return label_row(pair, winner, **(person | parts))
