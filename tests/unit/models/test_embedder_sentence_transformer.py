"""sentence_transformer: the encoder's own vectors, pinned by the digest of its folder."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from unit_builders import WORDS, model_named, refused, section

from realign.config.params import Model
from realign.models.embedders.encoder import encode
from realign.models.embedders.sentence_transformer import sentence_transformer

TEXTS = [*WORDS, "colour", "unknown words everywhere", "is " * 40]


def words_tokenizer():
    known = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *sorted({w.strip(".,?").lower() for t in WORDS for w in t.split()}),
    ]
    backend = Tokenizer(models.WordLevel({word: at for at, word in enumerate(known)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    tokenizer = words_tokenizer()
    torch.manual_seed(1)
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            initializer_range=0.5,
        )
    )
    plain, whole = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("encoder")
    bert.save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    encoder = SentenceTransformer(modules=[Transformer(str(plain), max_seq_length=24), Pooling(32, "mean")])
    encoder.save(str(whole))
    return whole


def vectors(folder, texts, max_tokens=96, tokens_per_batch=200):
    encoder = sentence_transformer(folder, section("embed", model=model_named(folder), max_tokens=max_tokens))
    found = {}
    for batch in encode(encoder, texts, tokens_per_batch):
        found |= batch
    return [found[at] for at in range(len(texts))]


@pytest.mark.parametrize("max_tokens", [96, 8])
def test_vectors_equal_those_of_the_library(folder, max_tokens):
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(folder), device="cpu")
    reference.max_seq_length = min(24, max_tokens)
    expected = reference.encode(TEXTS)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    np.testing.assert_allclose(vectors(folder, TEXTS, max_tokens), expected, atol=1e-5)


def test_a_texts_vector_is_the_same_to_the_bit_in_any_company(folder):
    together = vectors(folder, TEXTS)
    assert [v.tobytes() for v in vectors(folder, TEXTS[::-1])[::-1]] == [v.tobytes() for v in together]
    assert vectors(folder, TEXTS[:1])[0].tobytes() == together[0].tobytes()


def test_a_wrong_revision_names_the_right_one(folder):
    right = model_named(folder).revision
    settings = section("embed", model=Model(name=str(folder), revision="abc"))
    with refused(
        "model.other_revision", match=rf"embed\.model: .*revision {right}.*embed\.model\.revision={right}"
    ):
        sentence_transformer(folder, settings)


def test_the_fingerprint_names_the_encoder_and_its_limit(folder, tiny_folder):
    def fingerprint(max_tokens):
        settings = section("embed", model=model_named(folder), max_tokens=max_tokens)
        return sentence_transformer(tiny_folder, settings).fingerprint

    assert fingerprint(96) == fingerprint(24)
    assert fingerprint(96) != fingerprint(8)


def test_a_folder_without_a_model_is_a_user_error(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\0")
    settings = section("embed", model=model_named(tmp_path))
    with refused("model.not_loadable", match="is no sentence encoder"):
        sentence_transformer(tmp_path, settings)


def test_a_special_token_in_a_text_is_only_words(folder):
    tokens = sentence_transformer(folder, section("embed", model=model_named(folder))).tokens
    assert [token for token in tokens("colour [SEP][PAD] is") if token in (0, 2, 3)] == [2, 3]
