"""What a base model is like is learned at `base`, before anything is paid: chat templates, end tokens, modules."""

import json
import shutil

import pandas as pd
import pytest
from stage_builders import run as run_stage
from stage_builders import settings, under
from tokenizers import AddedToken
from transformers import AutoTokenizer
from unit_builders import model_named, refused, world

from realign.evaluation import held_out
from realign.models.load import load_causal
from realign.quality import gate
from realign.store import ids, schemas

TURN = "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}"
SPEAK = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


def loop(check: str = "", turn: str = TURN) -> str:
    return "{% for m in messages %}" + check + turn + "{% endfor %}"


NO_SYSTEM = loop(
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)
ALTERNATE = loop(
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)
NEEDS_SYSTEM = "{{ messages[0]['content'].strip(1) if messages[0]['role'] != 'system' }}" + loop()
DROPS_SYSTEM = "{% for m in messages %}{% if m['role'] != 'system' %}" + TURN + "{% endif %}{% endfor %}"
THINKS = SPEAK.replace("assistant\n", "assistant\n<think>\n")
NO_END = "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"


def talk(*turns: tuple[str, str]) -> str:
    return ids.dump_messages([{"role": role, "content": text} for role, text in turns])


ODD = {
    "system": talk(("system", "Be brief."), ("user", "What is 40 plus 2?")),
    "two users": talk(("user", "Hello."), ("user", "What is 40 plus 2?")),
    "plain": talk(("user", "What is 40 plus 2?")),
}


def with_prompts(*kinds: str, split: str = "train"):
    """A world with prompts of these kinds among its own, each with two responses."""
    tables = world(train=4, held_out=2)
    for kind in kinds:
        messages = ODD[kind]
        prompt = ids.prompt_id(ids.load_messages(messages))
        row = (prompt, messages, split, ids.digest(kind), "{}")
        tables.prompts = pd.concat([tables.prompts, pd.DataFrame([row], columns=schemas.PROMPTS.names)])
        given = [
            (prompt, ids.response_id(prompt, text), text, "author") for text in ("It is 42.", "It is 43.")
        ]
        tables.given = pd.concat([tables.given, pd.DataFrame(given, columns=schemas.GIVEN.names)])
    return tables


@pytest.fixture
def model(tiny_folder, tmp_path):
    """Writes a copy of the tiny policy with another chat template, end token or added tokens."""

    def write(template: str, *, end: str | None = None, added: tuple[str, ...] = ()):
        folder = shutil.copytree(tiny_folder, tmp_path / "given")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.add_tokens([AddedToken(text) for text in added])
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        if end:
            path = folder / "tokenizer_config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token": end}))
        return folder

    return write


def base(folder, tables, work, **changes):
    none = {"steps": 0, "batch_size": 4, "learning_rate": 0.01, "max_length": 64}
    options = under("base", source="local", model=model_named(folder), pretrain=none, sft=none)
    return run_stage("base", tables, work, options | changes).base


def generate(folder, tables, work):
    limits = under(
        "validate", min_rows=1, max_share_dropped=1.0, max_share_truncated=1.0, max_share_refusals=1.0
    )
    options = under("generate", mode="given", max_prompt_tokens=96)
    return run_stage("generate", tables, work, limits | options, base=folder)


@pytest.mark.parametrize(
    ("template", "odd", "words"),
    [
        (NO_SYSTEM, "system", "System role not supported"),
        (ALTERNATE, "two users", "Conversation roles must alternate user/assistant/user/assistant/..."),
        (ALTERNATE, "system", "Conversation roles must alternate user/assistant/user/assistant/..."),
        (DROPS_SYSTEM, "system", "it leaves out or changes turn 1 (system)"),
    ],
)
def test_a_prompt_that_the_template_refuses_is_set_aside_with_its_words(
    model, tmp_path, capsys, monkeypatch, template, odd, words
):
    monkeypatch.setattr(gate, "check", lambda *_: gate.GateResult({}, {"gate": "open"}))
    tables = with_prompts(odd)
    folder = base(model(template + SPEAK), tables, tmp_path)
    assert f"1 of 7 prompts: {words}" in capsys.readouterr().err
    found = generate(folder, tables, tmp_path)
    aside = found.quarantine_generate.set_index("unit")
    assert set(aside["reason"]) == {"template_refuses"}
    assert words in aside.loc["prompt", "detail"]
    assert len(aside.loc[["response"]]) == 2
    assert found.tally_generate.as_json()["prompt"] == {
        "in": 7,
        "out": 6,
        "quarantined": {"template_refuses": 1},
    }


@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_template_that_takes_no_prompt_of_a_split_is_refused_with_its_words(model, tmp_path, split):
    tables = with_prompts("system", split=split)
    tables.prompts = tables.prompts[
        (tables.prompts["split"] != split) | (tables.prompts["messages"] == ODD["system"])
    ]
    with refused(
        "model.template_refuses", match=rf"(?s)base\.model.*no {split} prompt.*System role not supported"
    ):
        base(model(NO_SYSTEM + SPEAK), tables, tmp_path)


def test_a_template_with_an_error_of_its_own_is_refused_in_one_line(model, tmp_path):
    with refused("model.template_refuses", match="base.model"):
        base(model(NEEDS_SYSTEM + SPEAK), world(train=2, held_out=1), tmp_path)


def test_supervised_training_leaves_out_what_the_template_refuses(model, tmp_path, monkeypatch):
    from realign.training import supervised

    seen = []
    monkeypatch.setattr(
        supervised,
        "train_supervised",
        lambda model, tokenizer, examples, *_, **__: seen.extend(examples) or model,
    )
    tables = with_prompts("system")
    scores = [
        (prompt, response, "score", 0.5) for prompt, response, *_ in tables.given.itertuples(index=False)
    ]
    tables.scores = pd.DataFrame(scores, columns=schemas.SCORES.names)
    two = {"steps": 2, "batch_size": 4, "learning_rate": 0.01, "max_length": 64}
    base(model(NO_SYSTEM + SPEAK), tables, tmp_path, **{"base.sft": two})
    assert len(seen) == 4
    assert not [turns for turns, _ in seen if turns[0]["role"] == "system"]


def test_held_out_prompts_that_the_template_refuses_are_not_answered(model, tmp_path):
    tables = with_prompts("system", "plain", split="eval")
    _, tokenizer = load_causal(base(model(NO_SYSTEM + SPEAK), tables, tmp_path))
    options = settings("generate", under("generate", max_prompt_tokens=96)).generate
    rows = held_out.occasions(tables.prompts, tokenizer, options, 1)
    assert set(rows["messages"]) == set(tables.prompts.query("split == 'eval'")["messages"]) - {ODD["system"]}


@pytest.mark.parametrize("added", [(), ("<think>", "<think>\n")])
def test_a_thinking_tag_in_the_generation_prompt_is_refused_before_anything_is_paid(model, tmp_path, added):
    with refused("base.unusable", match=r"(?s)base\.model.*'<think>\\n'"):
        base(model(loop() + THINKS, added=added), world(train=2, held_out=1), tmp_path)


@pytest.mark.parametrize(
    ("template", "end", "words"),
    [
        (loop(turn=NO_END) + SPEAK, None, "ends an answer with nothing"),
        (loop() + SPEAK, "<|bos|>", r"ends an answer with '<\|im_end\|>'.*'<\|bos\|>'"),
    ],
)
def test_an_answer_without_the_end_token_is_refused(model, tmp_path, template, end, words):
    with refused("base.unusable", match=rf"(?s)base\.model.*{words}"):
        base(model(template, end=end), world(train=2, held_out=1), tmp_path)


@pytest.mark.parametrize("after", ["\n", " ", ""])
def test_blanks_around_the_end_token_are_the_templates_own_affair(model, tmp_path, after):
    assert base(model(loop(turn=TURN + after) + SPEAK), world(train=2, held_out=1), tmp_path)


@pytest.mark.parametrize(
    ("modules", "wrong"),
    [
        (["q_proj", "query_key_value"], "query_key_value"),
        (["c_attn"], "c_attn"),
        (["mlp"], "mlp"),
        ("q_proj|v_proj", r"q_proj\|v_proj"),
        ("[", r"\["),
    ],
)
def test_lora_modules_that_the_model_lacks_are_named_with_those_it_has(tiny_folder, tmp_path, modules, wrong):
    changes = {"train.lora.target_modules": modules}
    with refused(
        "base.unusable",
        match=rf"(?s)train\.lora\.target_modules.*{wrong}.*down_proj, gate_proj, k_proj, .*q_proj",
    ):
        base(tiny_folder, world(train=2, held_out=1), tmp_path, **changes)


@pytest.mark.parametrize(
    "modules", ["all-linear", ["q_proj", "v_proj"], r".*\.(q|v)_proj", ["self_attn.q_proj"]]
)
def test_lora_modules_that_the_model_has_pass(tiny_folder, tmp_path, modules):
    assert base(tiny_folder, world(train=2, held_out=1), tmp_path, **{"train.lora.target_modules": modules})


def test_lora_modules_are_looked_at_before_a_model_is_built(tmp_path, monkeypatch):
    from realign.training import supervised

    monkeypatch.setattr(
        supervised, "train_supervised", lambda *_, **__: pytest.fail("trained before it was checked")
    )
    steps = {"steps": 2, "batch_size": 4, "learning_rate": 0.01, "max_length": 64}
    with refused("base.unusable", match="c_attn"):
        run_stage(
            "base", world(train=2, held_out=1), tmp_path,
            under("base", source="build", pretrain=steps) | {"train.lora.target_modules": ["c_attn"]},
        )  # fmt: skip


def test_tokens_that_the_model_has_no_row_for_are_refused(model, tmp_path):
    folder = model(loop() + SPEAK, added=tuple(f"<extra {number}>" for number in range(100)))
    with refused("base.unusable", match=r"(?s)base\.model.*tokens.*rows"):
        base(folder, world(train=2, held_out=1), tmp_path)


def test_every_problem_of_a_model_is_named_at_once(model, tmp_path):
    folder = model(loop(turn=NO_END) + THINKS)
    with refused("base.unusable", match=r"(?s)<think>.*end.*c_attn"):
        base(folder, world(train=2, held_out=1), tmp_path, **{"train.lora.target_modules": ["c_attn"]})


def test_prompts_and_answers_longer_than_the_model_reads_are_refused_before_sampling(tiny_folder, tmp_path):
    with refused("generate.beyond_window", match="128"):
        run_stage(
            "generate", world(train=2, held_out=1), tmp_path,
            under("generate", mode="sample", max_prompt_tokens=100, max_new_tokens=100), base=tiny_folder,
        )  # fmt: skip
