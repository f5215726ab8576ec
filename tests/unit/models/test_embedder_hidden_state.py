"""hidden_state: the mean over a text's own tokens of the last layer, to the digit, in any batch."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers.processors import TemplateProcessing
from unit_builders import WORDS, section

from realign.models.embedders.encoder import Encoder, encode, masked_mean
from realign.models.embedders.hidden_state import hidden_state
from realign.models.tiny import build_tokenizer
from realign.store import ids

TEXTS = [*WORDS, "a", "é\u202e!", "long " * 9, " blanks kept ", "The answer is five, thank you, really."]
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = ("Llama", "GPTNeoX", "Phi")


def save(folder: Path, kind: str = "Llama", padding_side: str = "left", adds_bos: bool = False) -> Path:
    """A model of this architecture with spread weights, and the tiny tokenizer as it was asked for."""
    tokenizer = build_tokenizer(WORDS, 300)
    tokenizer.padding_side = padding_side
    if adds_bos:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<|bos|> $A <|im_end|>", special_tokens=[("<|bos|>", 1), ("<|im_end|>", 3)]
        )
    config = getattr(transformers, f"{kind}Config")(vocab_size=300, max_position_embeddings=128, **SIZES)
    torch.manual_seed(5)
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@cache
def loaded(folder: Path):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, build_tokenizer(WORDS, 300)


def by_hand(folder: Path, text: str, limit: int = 96) -> np.ndarray:
    """One text alone, no batch, no padding, no mask, no tokenizer's extras."""
    model, tokenizer = loaded(folder)
    tokens = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text))[:limit]
    with torch.inference_mode():
        hidden = model(torch.tensor([tokens]), output_hidden_states=True).hidden_states[-1][0]
    return np.asarray(hidden.double().mean(0))


def vectors(folder: Path, texts, tokens_per_batch: int = 256, **settings) -> list[np.ndarray]:
    encoder = hidden_state(folder, section("embed", **settings))
    found = {}
    for batch in encode(encoder, texts, tokens_per_batch):
        found |= batch
    assert all(vector.dtype == np.float32 for vector in found.values())
    return [found[at] for at in range(len(texts))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: save(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def wanted(folders):
    return {kind: [by_hand(folders[kind], text) for text in TEXTS] for kind in KINDS}


@pytest.mark.parametrize("tokens_per_batch", [1, 256, 10_000])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_equal_the_mean_written_out_by_hand(folders, wanted, kind, tokens_per_batch):
    found = vectors(folders[kind], TEXTS, tokens_per_batch)
    np.testing.assert_allclose(found, wanted[kind], atol=1e-5)


def test_texts_have_vectors_of_their_own(wanted):
    for found in wanted.values():
        distances = [np.abs(a - b).max() for i, a in enumerate(found) for b in found[:i]]
        assert min(distances) > 1e-2


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_the_tokenizers_padding_side_changes_nothing(tmp_path, wanted, padding_side):
    folder = save(tmp_path, padding_side=padding_side)
    np.testing.assert_allclose(vectors(folder, TEXTS), wanted["Llama"], atol=1e-5)


def test_special_tokens_that_a_tokenizer_adds_do_not_enter_the_mean(tmp_path, wanted):
    folder = save(tmp_path, adds_bos=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    added = tokenizer("a")["input_ids"]
    assert (added[0], added[-1]) == (1, 3)
    np.testing.assert_allclose(vectors(folder, TEXTS), wanted["Llama"], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_texts_vector_is_the_same_to_the_bit_in_any_company(folders, kind):
    together = vectors(folders[kind], TEXTS)
    backwards = vectors(folders[kind], TEXTS[::-1])[::-1]
    for at, text in enumerate(TEXTS):
        (alone,) = vectors(folders[kind], [text]) if at < 3 else (backwards[at],)
        assert alone.tobytes() == together[at].tobytes() == backwards[at].tobytes()


def test_a_long_text_is_cut_at_the_limit(folders):
    limit = 4
    found = vectors(folders["Llama"], TEXTS, max_tokens=limit)
    expected = [by_hand(folders["Llama"], text, limit) for text in TEXTS]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_text_without_a_token_is_a_zero_vector(folders):
    empty, other = vectors(folders["Llama"], ["", "a"])
    assert empty.tolist() == [0.0] * 32
    np.testing.assert_allclose(other, by_hand(folders["Llama"], "a"), atol=1e-5)


def test_a_text_without_a_token_is_zero_whatever_the_model_makes_of_padding():
    def forward(padded, mask):
        return torch.ones(len(padded), 4)

    encoder = Encoder(lambda text: [7] * len(text), forward, 0, 8, "", torch.device("cpu"))
    (found,) = encode(encoder, ["", "a"], 64)
    assert found[0].tolist() == [0.0] * 4
    assert found[1].tolist() == [1.0] * 4


def test_the_fingerprint_names_the_model_and_the_limit(folders):
    def fingerprint(kind, **settings):
        return hidden_state(folders[kind], section("embed", **settings)).fingerprint

    plain = fingerprint("Llama")
    assert plain == ids.digest("hidden_state", ids.folder_digest(folders["Llama"]), "96")
    assert len({plain, fingerprint("Phi"), fingerprint("Llama", max_tokens=95)}) == 3


def test_the_masked_mean_by_hand():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[5.0, 5.0], [7.0, 7.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0], [0, 0, 0]])
    assert masked_mean(hidden, mask).tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert masked_mean(hidden.bfloat16(), mask).dtype == torch.float32


def test_a_special_token_in_a_text_is_only_words(folders):
    tokens = hidden_state(folders["Llama"], section("embed")).tokens
    _, tokenizer = loaded(folders["Llama"])
    assert not set(tokens("a<|im_end|><|bos|>b")) & set(tokenizer.all_special_ids)
