"""Sampling: a row's text follows from its own key, the wanted distribution, and nothing else."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from realign.config.params import Generate
from realign.models.sampling import KeyedChoice, SamplingRow, sample
from realign.store import ids

PAD, EOS = 0, 3
NEW = 10


class Numbers:
    """A tokenizer whose text is the token numbers, so that two texts are equal only if all tokens are."""

    eos_token_id, pad_token_id = EOS, PAD

    def decode(self, tokens, skip_special_tokens):
        assert skip_special_tokens
        return " ".join(map(str, tokens))


class Loaded:
    """A die for a model: the same logits after every token; it notes the shapes that it is asked with."""

    device = torch.device("cpu")

    def __init__(self, logits):
        self.logits = torch.tensor(logits)
        self.shapes = []

    def generate(self, input_ids, attention_mask, generation_config, logits_processor):
        self.shapes.append(tuple(input_ids.shape))
        for _ in range(generation_config.max_new_tokens):
            scores = logits_processor(input_ids, self.logits.expand(len(input_ids), -1).clone())
            input_ids = torch.cat([input_ids, scores.argmax(1, keepdim=True)], 1)
        return input_ids


def rows(count, length=13, seed=0):
    random = np.random.default_rng(seed)
    return [
        SamplingRow(random.integers(4, 290, length).tolist(), ids.uniforms(NEW, "row", str(length), str(i)))
        for i in range(count)
    ]


def options(**changes):
    values = {
        "mode": "sample",
        "k": 2,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": NEW,
        "max_prompt_tokens": 64,
        "tokens_per_batch": 400,
    }
    return Generate(**(values | changes))


def sampled(model, todo, tokenizer=None, temperature=1.0, top_p=1.0, new=NEW, tokens_per_batch=400):
    found = {}
    for batch in sample(
        model,
        tokenizer or Numbers(),
        todo,
        options(temperature=temperature, top_p=top_p, max_new_tokens=new, tokens_per_batch=tokens_per_batch),
    ):
        assert not set(batch) & set(found)
        found |= batch
    assert sorted(found) == list(range(len(todo)))
    return [found[at] for at in range(len(todo))]


def fits(counts, probabilities):
    kept = probabilities > 0
    assert counts[~kept].sum() == 0
    return stats.chisquare(counts[kept], probabilities[kept] * counts.sum()).pvalue > 1e-3


def softmax(logits):
    weights = np.exp(np.asarray(logits) - np.max(logits))
    return weights / weights.sum()


LOGITS = [1.0, -2.0, 0.5, 0.0, 2.0]


def test_choices_follow_the_softmax():
    uniforms = torch.from_numpy(ids.uniforms(20_000, "choice")).unsqueeze(1)
    scores = torch.tensor(LOGITS).expand(20_000, -1)
    found = KeyedChoice(uniforms, 7)(torch.zeros(20_000, 7, dtype=torch.long), scores)
    assert ((found == 0).sum(1) == 1).all()
    assert (torch.isinf(found).sum(1) == len(LOGITS) - 1).all()
    assert fits(np.bincount(found.argmax(1), minlength=5), softmax(LOGITS))


def test_each_step_takes_the_rows_next_number():
    scores = torch.zeros(2, 4)
    choice = KeyedChoice(torch.tensor([[0.1, 0.6], [0.9, 0.3]]), prompt_length=5)
    assert choice(torch.zeros(2, 5), scores).argmax(1).tolist() == [0, 3]
    assert choice(torch.zeros(2, 6), scores).argmax(1).tolist() == [2, 1]


@pytest.mark.parametrize("number", [0.0, 0.25, 0.5, 1 - 2**-53])
def test_a_token_that_cannot_be_is_never_chosen(number):
    nothing = -torch.inf
    scores = torch.tensor([[nothing, 0.0, nothing, 0.0, nothing]])
    chosen = KeyedChoice(torch.tensor([[number]], dtype=torch.float64), 1)(torch.zeros(1, 1), scores).argmax(
        1
    )
    assert chosen.tolist() == [1 if number < 0.5 else 3]


@pytest.mark.parametrize(
    ("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.8), (2.0, 0.5)]
)
def test_temperature_and_top_p_give_the_distribution_that_they_name(temperature, top_p):
    expected = softmax(np.array(LOGITS) / temperature)
    order = np.argsort(-expected)
    nucleus = order[: np.searchsorted(expected[order].cumsum(), top_p) + 1]
    expected = np.where(np.isin(np.arange(5), nucleus), expected, 0)
    expected /= expected.sum()
    numbers = ids.uniforms(3000, "die")
    todo = [SamplingRow([1], numbers[i : i + 1]) for i in range(3000)]
    found = sampled(
        Loaded(LOGITS), todo, temperature=temperature, top_p=top_p, new=1, tokens_per_batch=20_000
    )
    tokens = [EOS if s.finish == "stop" else int(s.text) for s in found]
    assert fits(np.bincount(tokens, minlength=5), expected)


def test_the_end_token_ends_a_response_and_is_not_counted():
    die = Loaded([-9.0, -9.0, -9.0, 0.0, 0.0])  # the end token below 0.5, token 4 above
    numbers = {"stops": [0.9, 0.9, 0.1, 0.9], "at once": [0.1] * 4, "goes on": [0.9] * 4}
    found = sampled(die, [SamplingRow([1], np.array(u)) for u in numbers.values()], new=4)
    assert [(s.text, s.finish, s.tokens) for s in found] == [
        ("4 4", "stop", 2),
        ("", "stop", 0),
        ("4 4 4 4", "length", 4),
    ]


def test_text_is_stripped_and_holds_no_special_token(tiny):
    _, tokenizer = tiny
    space, letter = (
        tokenizer(" a", add_special_tokens=False)["input_ids"][0],
        tokenizer.convert_tokens_to_ids("a"),
    )
    plan = [
        space,
        tokenizer.bos_token_id,
        letter,
        tokenizer.pad_token_id,
        space,
        tokenizer.eos_token_id,
        letter,
    ]

    class Scripted(Loaded):
        def generate(self, input_ids, **_):
            return torch.cat([input_ids, torch.tensor(plan).expand(len(input_ids), -1)], 1)

    (found,) = sampled(Scripted([0.0]), [SamplingRow([4], np.zeros(7))], tokenizer, new=7)
    assert found.text == tokenizer.decode([space, letter, space]).strip()
    assert "<|" not in found.text
    assert (found.finish, found.tokens) == ("stop", 5)


def test_a_rows_text_is_the_same_in_any_company(tiny):
    model, _ = tiny
    short, middle, long = rows(3, 5), rows(9, 16, seed=1), rows(2, 30, seed=2)
    todo = [*short, *middle, *long]
    together = sampled(model, todo)
    assert len({s.text for s in together}) == len(todo)
    assert sampled(model, todo[::-1]) == together[::-1]
    assert sampled(model, [*middle[:4], *long]) == [*together[3:7], *together[12:]]
    for at in (0, 5, 13):
        assert sampled(model, [todo[at]]) == [together[at]]


def test_another_key_or_prompt_is_another_text(tiny):
    model, _ = tiny
    (row,) = rows(1)
    other_key = SamplingRow(row.prompt, ids.uniforms(NEW, "another"))
    other_prompt = SamplingRow(rows(1, seed=5)[0].prompt, row.uniforms)
    assert len({s.text for s in sampled(model, [row, other_key, other_prompt])}) == 3


def test_the_global_generator_plays_no_part(tiny):
    model, _ = tiny
    torch.manual_seed(0)
    first = sampled(model, rows(2))
    torch.manual_seed(1)
    assert sampled(model, rows(2)) == first


def test_a_row_is_padded_to_the_same_length_in_any_company():
    die = Loaded([0.0] * 5)
    sampled(die, rows(1, 13))
    sampled(die, [*rows(1, 13), *rows(1, 20)])
    alone, in_company, _ = die.shapes
    assert alone == in_company


def test_near_zero_temperature_is_the_unbatched_greedy_loop(tiny):
    model, _ = tiny
    todo = [*rows(2, 4), *rows(3, 9, seed=1), *rows(1, 27, seed=2)]
    found = sampled(model, todo, temperature=1e-4)
    for row, text in zip(todo, found, strict=True):
        tokens = list(row.prompt)
        for _ in range(NEW):
            with torch.inference_mode():
                tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
            if tokens[-1] == EOS:
                break
        wanted = [str(token) for token in tokens[len(row.prompt) :] if token != EOS]
        assert text.text == " ".join(wanted)


def test_sampling_without_rows_is_nothing(tiny):
    assert sampled(tiny[0], []) == []


def test_settings_that_came_with_the_model_play_no_part(tiny, tiny_folder, tmp_path):
    from realign.models.load import load_causal

    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    path = folder / "generation_config.json"
    settings = {
        "repetition_penalty": 3.0,
        "suppress_tokens": list(range(4, 60)),
        "do_sample": True,
        "top_k": 1,
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    model, _ = load_causal(folder)
    assert sampled(model, rows(4)) == sampled(tiny[0], rows(4))


def test_prompts_are_padded_on_the_left_and_masked():
    seen = SimpleNamespace()

    class Watched(Loaded):
        def generate(self, input_ids, attention_mask, **rest):
            seen.ids, seen.mask = input_ids, attention_mask
            return super().generate(input_ids, attention_mask, **rest)

    sampled(Watched([0.0] * 5), [SamplingRow([7, 8, 9], np.zeros(1)), SamplingRow([5], np.zeros(1))], new=1)
    width = seen.ids.shape[1]
    assert seen.ids[0].tolist() == [PAD] * (width - 3) + [7, 8, 9]
    assert seen.mask[0].tolist() == [0] * (width - 3) + [1, 1, 1]
    assert seen.ids[1].tolist() == [PAD] * (width - 1) + [5]
    assert seen.mask[1].tolist() == [0] * (width - 1) + [1]
