"""The built policy: lossless tokens, weights from the seed alone, the same files each time."""

import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st
from unit_builders import WORDS, section

from realign.models.tiny import build_model, build_tokenizer

SHAPE = section("base").build.model_copy(
    update={"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 1, "heads": 2}
)
TOKENIZER = build_tokenizer(WORDS, 300)


@given(st.text(max_size=30))
def test_any_text_goes_through_the_tokenizer_and_back(text):
    tokens = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert TOKENIZER.decode(tokens) == text
    assert not {TOKENIZER.eos_token_id, TOKENIZER.bos_token_id, TOKENIZER.pad_token_id} & set(tokens)


def test_no_special_token_is_added_and_each_has_its_own_number():
    assert TOKENIZER("a")["input_ids"] == TOKENIZER("a", add_special_tokens=False)["input_ids"]
    assert len({TOKENIZER.pad_token_id, TOKENIZER.bos_token_id, TOKENIZER.eos_token_id}) == 3
    assert TOKENIZER.eos_token == "<|im_end|>"
    assert len(TOKENIZER) == 300


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(99)
    first = build_model(SHAPE, TOKENIZER, 7).state_dict()
    torch.manual_seed(5)
    again, other = (build_model(SHAPE, TOKENIZER, seed).state_dict() for seed in (7, 8))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_the_model_has_the_shape_that_was_asked_for():
    config = build_model(SHAPE, TOKENIZER, 7).config
    assert (config.hidden_size, config.intermediate_size, config.num_hidden_layers) == (32, 64, 1)
    assert config.num_attention_heads == 2
    assert config.max_position_embeddings == SHAPE.max_positions
    assert config.vocab_size == 320
    assert config.eos_token_id == TOKENIZER.eos_token_id


def test_two_builds_are_the_same_files(tmp_path):
    def build(name):
        folder = tmp_path / name
        tokenizer = build_tokenizer(iter(WORDS), 300)
        build_model(SHAPE, tokenizer, 7).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}

    files = build("one")
    assert files == build("two")
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(files)
