"""base, train and evaluate on a tiny policy: what they learn from, refuse, measure and keep apart."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from stage_builders import inputs, settings, under
from stage_builders import run as run_stage
from unit_builders import model_named, refused, section, world

from realign.config.params import Model
from realign.errors import ValidationFailed
from realign.evaluation import held_out
from realign.models.load import load_causal
from realign.pipeline.stages import base
from realign.quality import gate
from realign.store import artifacts, ids, schemas
from realign.store.work import Work

NO_STEPS = {"steps": 0, "batch_size": 4, "learning_rate": 0.01, "max_length": 64}
TWO_STEPS = NO_STEPS | {"steps": 2}
EMBED = under("embed", max_tokens=64, tokens_per_batch=500)
SHAPE = {
    "vocab_size": 300, "hidden_size": 16, "intermediate_size": 32, "layers": 1, "heads": 2, "max_positions": 128,
}  # fmt: skip


def built(tables, folder, seed=7, **options):
    changes = {"source": "build", "build": SHAPE, "pretrain": NO_STEPS, "sft": NO_STEPS, **options}
    return run_stage("base", tables, folder, {"seed": seed, **under("base", **changes)}).base


@pytest.fixture
def taught(monkeypatch):
    """What the policy is taught instead of teaching it: (name, conversation, answer)."""
    from realign.training import supervised

    seen = []

    def note(model, tokenizer, examples, settings, *, what, **_):
        seen.extend((what, turns[-1]["content"], answer) for turns, answer in examples)
        return model

    monkeypatch.setattr(supervised, "train_supervised", note)
    return seen


def test_a_built_policy_learns_from_train_prompts_alone(tmp_path, taught):
    tables = world(train=3, held_out=2, k=3)
    folder = built(tables, tmp_path, pretrain=TWO_STEPS, sft=TWO_STEPS)
    train_texts = [f"What is {i} plus {i}?" for i in range(3)]
    assert sorted({question for _, question, _ in taught}) == train_texts
    assert [what for what, *_ in taught].count("base: build") == 9
    # of the scored answers the best is the first, which is right
    assert sorted((q, a) for what, q, a in taught if what == "base: sft") == [
        (f"What is {i} plus {i}?", f"The answer is {2 * i}.") for i in range(3)
    ]
    model, tokenizer = load_causal(folder)
    assert model.config.hidden_size == 16
    assert tokenizer.chat_template


def test_the_same_build_is_the_same_folder(tmp_path):
    tables = world(train=3, held_out=1)
    one, same, other = (built(tables, tmp_path / str(at), seed=seed) for at, seed in enumerate((7, 7, 8)))
    assert ids.folder_digest(one) == ids.folder_digest(same)
    assert ids.folder_digest(one) != ids.folder_digest(other)


def test_other_scores_are_another_fine_tuning(tmp_path):
    tables = world(train=3, held_out=1)
    marks = []
    for scores in (tables.scores, tables.scores.assign(score=-tables.scores["score"])):
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        seen = []
        work = Work(tmp_path, "base")
        work.checkpoints = lambda name, *_, seen=seen: seen.append(name) or _stop()
        with pytest.raises(_Stopped):
            base.run(
                inputs("base", tables, tmp_path, scores=scores),
                settings("base", {"base.sft": TWO_STEPS}),
                work,
            )
        marks += seen
    assert marks[0] != marks[1]


class _Stopped(Exception):
    pass


def _stop():
    raise _Stopped


def test_data_without_responses_or_scores_names_the_mend(tmp_path):
    tables = world(train=2, held_out=1)
    tables.given = tables.given.iloc[:0]
    with refused("data.nothing_left", match="needs data with responses"):
        built(tables, tmp_path)
    tables = world(train=2, held_out=1)
    tables.scores = tables.scores.iloc[:0]
    with refused("data.nothing_left", match=r"set base\.sft\.steps: 0"):
        built(tables, tmp_path, sft=TWO_STEPS)


def test_a_local_policy_is_pinned_and_completed(tiny_folder, tmp_path):
    source = shutil.copytree(tiny_folder, tmp_path / "source")
    (source / "chat_template.jinja").unlink()
    config = json.loads((source / "tokenizer_config.json").read_text())
    config["pad_token"] = None
    (source / "tokenizer_config.json").write_text(json.dumps(config))
    with refused("model.other_revision", match=r"base\.model: the folder"):
        built(world(), tmp_path, source="local", model=Model(name=str(source), revision="abc"))
    folder = built(world(), tmp_path, source="local", model=model_named(source))
    _, tokenizer = load_causal(folder)
    assert tokenizer.pad_token == tokenizer.eos_token
    assert "Assistant: " in tokenizer.chat_template


def preferences(tables):
    """The first two responses of each train prompt, as the label stage would write them."""
    rows = []
    for prompt, part in tables.responses.groupby("prompt_id"):
        facts = tables.prompts.set_index("prompt_id").loc[prompt]
        if facts["split"] == "train":
            chosen, rejected = part.iloc[0], part.iloc[1]
            pair = ids.pair_id(prompt, chosen.response_id, rejected.response_id)
            rows.append((pair, prompt, facts["messages"], chosen.response_id, rejected.response_id, chosen.text,
                         rejected.text, 0.9, "test", 0.5, chosen.tokens, rejected.tokens))  # fmt: skip
    return pd.DataFrame(rows, columns=schemas.PREFERENCES.names)


TRAIN = under(
    "train", batch_size=2, epochs=0.5, checkpoint_every=1, learning_rate=0.01, warmup_share=0.0, max_length=96
)


def test_preferences_that_never_passed_the_pairs_gate_are_refused_at_trainings_door(
    tiny_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)
    tables = world(train=3, held_out=1)
    table = preferences(tables)
    given = {"validated_train": table[["pair_id"]].iloc[1:], "preferences": table, "base": tiny_folder}
    with refused(
        "gate.preferences", ValidationFailed, match=f"not_validated(?s:.*){table['pair_id'].iloc[0]}"
    ):
        run_stage("train", tables, tmp_path / ".work", TRAIN, **given)


@pytest.fixture(scope="module")
def adapter(tiny_folder, tmp_path_factory):
    """An adapter of two steps."""
    folder = tmp_path_factory.mktemp("train")
    tables = world(train=6, held_out=4)
    table = preferences(tables)
    given = {"validated_train": table[["pair_id"]], "preferences": table, "base": tiny_folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "check", lambda *_: gate.GateResult({}, {}))
        return run_stage("train", tables, folder, TRAIN, **given).adapter


@pytest.fixture(scope="module")
def untrained(adapter, tmp_path_factory):
    """The same adapter with no effect, as one that was trained at a learning rate of zero."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(adapter, tmp_path_factory.mktemp("untrained") / "adapter")
    weights = load_file(folder / "adapter_model.safetensors")
    silent = {name: w * 0 if "lora_B" in name else w for name, w in weights.items()}
    save_file(silent, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


def evaluated(tables, base_folder, adapter, folder, scorer="rule", new=8, **label_changes):
    held_out = tables.prompts.query("split == 'eval'")["prompt_id"]
    pairs, labels = [], []
    for prompt, part in tables.responses[tables.responses["prompt_id"].isin(held_out)].groupby("prompt_id"):
        a, b = part["response_id"].iloc[:2]
        pair = ids.pair_id(prompt, a, b)
        pairs.append(("holdout", "random", pair, prompt, a, b, 0.5, -0.4, None, 1, 1, 6))
        labels.append(("holdout", "random", pair, prompt, "b", 0.4, "test", "a", 0.1))
    frames = (
        pd.DataFrame(pairs, columns=schemas.PAIRS.names),
        pd.DataFrame(labels, columns=schemas.LABELS.names),
    )
    changes = (
        EMBED
        | under("generate", max_new_tokens=new, tokens_per_batch=500)
        | under("label", **label_changes)
        | under("evaluate", scorer=scorer, samples=2, resamples=200)
    )
    return run_stage(
        "evaluate", tables, folder, changes,
        validated_measure=frames[0], labels=frames[1], base=base_folder, adapter=adapter,
    )  # fmt: skip


def test_evaluation_measures_the_policy_against_its_base(adapter, tiny_folder, tmp_path):
    tables = world(train=6, held_out=4)
    found = evaluated(tables, tiny_folder, adapter, tmp_path)
    held_out = set(tables.prompts.query("split == 'eval'")["prompt_id"])
    assert set(found.judgements["prompt_id"]) == set(found.margins["prompt_id"]) == held_out
    assert len(found.judgements) == 4 * 2
    # The gold verdict 'a', not the label 'b', says which side is better; 'a' was like what was trained on.
    assert found.margins["margin"].to_numpy() == pytest.approx(0.1 * found.margins["gap"].to_numpy())
    assert (found.margins["correct"] == (found.margins["gap"] > 0)).all()
    assert found.metrics["model"]["reward_margin"]["value"] > 0
    for name in ("win_rate", "pair_accuracy", "kl_nats_per_response"):
        figure = found.metrics["model"][name]
        assert figure["n"] == 4
        assert figure["low"] <= figure["value"] <= figure["high"]
    wins = found.judgements
    expected = np.sign(wins["policy_quality"] - wins["base_quality"]) / 2 + 0.5
    assert (wins["win"] == expected).all()
    assert found.metrics["scorer"] == {"kind": "rule", "held_out_accuracy": None}


def test_margins_and_kl_are_those_of_the_definitions(adapter, tiny_folder, tmp_path):
    import torch

    from realign.models.chat import completion_tokens
    from realign.models.load import load_policy

    tables = world(train=6, held_out=4)
    found = evaluated(tables, tiny_folder, adapter, tmp_path)
    model, tokenizer = load_policy(tiny_folder, adapter)
    texts = tables.responses.set_index("response_id")["text"]

    def log_ratio(start, rest):
        def total():
            with torch.inference_mode():
                logits = model(torch.tensor([[*start, *rest]])).logits[0].double().log_softmax(-1)
            return sum(float(logits[len(start) + i - 1, token]) for i, token in enumerate(rest))

        policy = total()
        with model.disable_adapter():
            return policy - total()

    for row in found.margins.itertuples():
        part = tables.responses[tables.responses["prompt_id"] == row.prompt_id]
        turns = ids.load_messages(tables.prompts.set_index("prompt_id").loc[row.prompt_id, "messages"])
        better, worse = (
            log_ratio(*completion_tokens(tokenizer, turns, texts[r])) for r in part["response_id"].iloc[:2]
        )
        assert row.gap == pytest.approx(better - worse, abs=1e-3)
    options = section("generate", max_new_tokens=8, tokens_per_batch=500)
    rows = held_out.occasions(tables.prompts, tokenizer, options, 2)
    said = held_out.answers(model, tokenizer, rows, options, 7, "again")
    assert "length" in {s.finish for s in said}, "an answer that was cut has no end token to count"
    kl = found.judgements.set_index(["prompt_id", "sample"])["kl"]
    for prompt, number, start, one in zip(
        rows["prompt_id"], rows["sample"], rows["tokens"], said, strict=True
    ):
        assert kl[prompt, number] == pytest.approx(log_ratio(start, one.ids), abs=1e-3)
        assert len(one.ids) == one.tokens + (one.finish == "stop")


def test_a_score_head_judges_and_is_itself_measured(adapter, tiny_folder, tmp_path):
    tables = world(train=6, held_out=4)
    tables.embeddings = run_stage("embed", tables, tmp_path, EMBED, base=tiny_folder).embeddings
    found = evaluated(tables, tiny_folder, adapter, tmp_path, scorer="score_head", labeler="scores")
    judge = found.metrics["scorer"]
    assert judge["kind"].startswith("score_head: ridge on hidden_state, alpha ")
    assert judge["kind"].endswith("from scores by score")
    assert judge["held_out_accuracy"]["n"] == 4
    assert found.judgements["base_quality"].nunique() > 4


@pytest.fixture(scope="module")
def idle(untrained, tiny_folder, tmp_path_factory):
    """The evaluation of a policy that is its base."""
    return evaluated(
        world(train=6, held_out=8), tiny_folder, untrained, tmp_path_factory.mktemp("idle"), new=64
    )


@pytest.mark.filterwarnings("ignore")
def test_a_policy_that_answers_as_its_base_does_can_be_reported(idle, tmp_path):
    assert (idle.judgements["policy_text"] == idle.judgements["base_text"]).all()
    assert idle.judgements["policy_tokens"].nunique() > 1
    artifacts.write_json(tmp_path / "metrics.json", idle.metrics)
    figures = idle.metrics["model"]
    assert figures["win_rate"]["value"] == 0.5
    assert figures["length_ratio"]["value"] == 1.0
    assert figures["kl_nats_per_response"]["value"] == 0.0


def test_a_divergence_of_zero_nats_is_no_rate(idle):
    assert idle.metrics["model"]["kl_nats_per_response"]["method"] != "exact binomial"
