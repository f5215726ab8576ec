"""What all unit tests share: no network, one tiny model a session."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from realign.config import environment

os.environ["HF_HUB_OFFLINE"] = "1"
environment.settle()

settings.register_profile("unit", deadline=None, max_examples=50, derandomize=True, database=None)
settings.load_profile("unit")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama-style policy in a folder; nobody may write into it."""
    from unit_builders import tiny_model

    model, tokenizer = tiny_model()
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> tuple[Any, Any]:
    """The tiny policy and its tokenizer, as every stage loads them; nobody may train it."""
    from realign.models.load import load_causal

    return load_causal(tiny_folder)
