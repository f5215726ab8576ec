"""params.yaml: complete, typed, and every problem in one message that names its mend."""

import pytest
from unit_builders import ROOT, raw_params, refused

from realign.config import params, params_file
from realign.data import sources
from realign.errors import UserError
from realign.labelers import registry
from realign.store.artifacts import ARTIFACTS

NAMED = {"name": "owner/name", "revision": "0123456789abcdef0123456789abcdef01234567"}
MOVING = NAMED | {"revision": "main"}


def edited(changes):
    """A good file with {dotted key: value}."""
    raw = raw_params()
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = raw
        for section in sections:
            place = place[section]
        place[last] = value
    return raw


def problems(raw):
    """The lines of the one message; the first line counts them."""
    with pytest.raises(UserError) as refusal:
        whole = params_file.check(raw)
        registry.refuse(
            whole, sources.find(whole.prepare)
        )  # what a labeler refuses comes after what no labeler is asked about
    assert refusal.value.code in ("params.refused", "label.impossible")
    head, *lines = str(refusal.value).splitlines()
    assert head == f"params.yaml cannot be used ({len(lines)} problem(s)):"
    return [line.removeprefix("  - ") for line in lines]


def test_the_shipped_file_loads():
    found = params_file.load(ROOT / "params.yaml")
    assert found.seed >= 0
    assert found.section("validate") is found.validation
    assert found.section("seed") == found.seed


def test_the_embedded_default_needs_no_hub():
    found = params_file.check(raw_params())
    sections = [part for _, part in found if isinstance(part, params.Section)]
    assert len(sections) > 10 and not any(part.hub_names() for part in sections)


def test_a_checked_file_cannot_be_changed_any_more():
    found = params_file.check(raw_params())
    with pytest.raises(ValueError, match="frozen"):
        found.train.beta = 0.2


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sead", "seed"),
        ("validates", "validate"),
        ("train.betta", "beta"),
        ("train.lora.alfa", "alpha"),
        ("base.pretrain.step", "steps"),
        pytest.param("validate.min_row", "min_rows"),
    ],
)
def test_an_unknown_key_is_told_what_was_meant(key, meant):
    assert problems(edited({key: 1})) == [f"{key}: unknown key; did you mean {meant!r}?"]


def test_a_key_like_no_other_is_to_be_taken_out():
    assert problems(edited({"train.zzz": 1})) == ["train.zzz: unknown key; take it out"]


@pytest.mark.parametrize("key", ["seed", "validate", "train.beta", "train.lora.r", "prepare.hub.split"])
def test_a_missing_key_is_named(key):
    raw = raw_params()
    *sections, last = key.split(".")
    place = raw
    for section in sections:
        place = place[section]
    del place[last]
    (line,) = problems(raw)
    assert line.startswith(f"{key}: missing")
    assert "git diff params.yaml" in line


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", -1, "greater than or equal to 0"),
        ("seed", "7", "valid integer"),
        ("seed", 7.0, "valid integer"),
        ("seed", True, "valid integer"),
        ("strategy", "", "at least 1 character"),
        ("strategy", None, "valid string"),
        ("audit", "random", "valid list"),
        ("audit", [1], "valid string"),
        ("prepare", None, "valid dictionary"),
        ("prepare.source", "", "at least 1 character"),
        ("prepare.eval_share", 0.0, "greater than 0"),
        ("prepare.eval_share", 1.0, "less than 1"),
        ("prepare.max_prompts", 0, "greater than or equal to 1"),
        ("prepare.max_responses", 1, "greater than or equal to 2"),
        ("prepare.max_share_dropped", 1.5, "less than or equal to 1"),
        ("base.build.vocab_size", 299, "greater than or equal to 300"),
        ("generate.k", 1, "greater than or equal to 2"),
        ("generate.temperature", 0.0, "greater than 0"),
        ("generate.top_p", 1.01, "less than or equal to 1"),
        ("generate.top_p", 0.0, "greater than 0"),
        ("generate.mode", "both", "'sample' or 'given'"),
        ("select.budget", 0, "greater than or equal to 1"),
        ("validate.max_length_ratio", 1.0, "greater than 1"),
        ("validate.near_duplicate", -0.1, "greater than or equal to 0"),
        ("label.tie_gap", -0.1, "greater than or equal to 0"),
        ("label.temperature", 0, "greater than 0"),
        ("train.beta", -0.1, "greater than 0"),
        ("train.beta", 0.0, "greater than 0"),
        ("train.beta", "0.1", "valid number"),
        ("train.beta", float("nan"), "finite number"),
        ("train.loss_type", [], "at least 1 item"),
        ("train.loss_type", [""], "at least 1 character"),
        ("train.label_smoothing", 0.5, "less than 0.5"),
        ("train.warmup_share", 1.0, "less than 1"),
        ("evaluate.confidence", 0.5, "greater than 0.5"),
        ("evaluate.confidence", 1.0, "less than 1"),
        ("evaluate.resamples", 199, "greater than or equal to 200"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_is(key, value, words):
    (line,) = problems(edited({key: value}))
    where, _, said = line.partition(": ")
    assert where == (f"{key}.0" if isinstance(value, list) and value else key)
    assert words in said
    shown = value[0] if isinstance(value, list) and value else value
    assert said.endswith(f"(it is {shown!r})")


def test_infinite_numbers_are_refused():
    keys = ["generate.temperature", "train.beta", "train.epochs", "train.learning_rate"]
    found = problems(edited(dict.fromkeys(keys, float("inf"))))
    assert [line.partition(":")[0] for line in found] == keys


def test_whole_numbers_serve_where_a_fraction_is_asked():
    assert params_file.check(edited({"train.beta": 1})).train.beta == 1.0


def test_a_long_wrong_value_is_cut():
    (line,) = problems(edited({"train.beta": "x" * 5000}))
    assert len(line) < 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audit": ["easy"]}, ["audit:", "'easy'", "take it off"]),
        ({"audit": ["hard", "hard"]}, ["audit:", "twice"]),
        (
            {"prepare.source": "hub", "label.labeler": "scores", "generate.mode": "given",
             "evaluate.scorer": "score_head"},
            ["prepare.hub: name and revision"],
        ),
        ({"base.source": "local"}, ["base.model: name and revision", "base.source is local"]),
        ({"base.source": "hub", "base.model.name": "a/b"}, ["base.model: name and revision"]),
        ({"base.build.heads": 3}, ["base.build.hidden_size", "even multiple"]),
        ({"base.build.hidden_size": 36}, ["base.build.hidden_size", "even multiple"]),
        ({"embed.method": "sentence_transformer"}, ["embed.model: name and revision"]),
        (
            {"prepare.source": "multi", "evaluate.scorer": "reward_model", "label.reward_model": NAMED},
            ["label.labeler: oracle", "builtin tasks"],
        ),
        ({"label.labeler": "scores"}, ["label.labeler: scores", "generate.mode: given"]),
        (
            {"label.labeler": "scores", "generate.mode": "given"},
            ["label.labeler: scores", "with scored data"],
        ),
        ({"label.labeler": "reward_model"}, ["label.reward_model: name and revision"]),
        ({"evaluate.scorer": "reward_model"}, ["label.reward_model: name and revision"]),
        ({"train.loss_weights": [1.0, 2.0]}, ["train.loss_weights", "one weight for each"]),
        ({"train.label_smoothing": 0.1}, ["train.label_smoothing", "robust or exo_pair"]),
        ({"train.loss_type": ["exo_pair"]}, ["train.label_smoothing", "above 0"]),
        ({"train.max_length": 257}, ["base.build.max_positions: 256", "257 tokens"]),
        ({"base.pretrain.max_length": 300}, ["base.build.max_positions", "300 tokens"]),
        ({"base.sft.max_length": 300}, ["base.build.max_positions", "300 tokens"]),
        ({"embed.max_tokens": 300}, ["base.build.max_positions", "300 tokens"]),
        ({"generate.max_new_tokens": 161}, ["base.build.max_positions", "257 tokens"]),
        (
            {"rewards.reward": "adapter"},
            ["rewards.reward: adapter needs", "rewards.adapter", "docs/operations.md"],
        ),
        (
            {"rewards.adapter": "models/previous"},
            ["rewards.adapter: models/previous is not looked at", "reward is none"],
        ),
        (
            {"rewards": {"reward": "base", "adapter": "models/previous"}},
            ["rewards.adapter: models/previous is not looked at", "reward is base"],
        ),
        (
            {"rewards": {"reward": "adapter", "adapter": "./models/adapter/"}},
            ["rewards.adapter: models/adapter is what this run will train", "a copy"],
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_together_is_refused_with_its_mend(changes, words):
    (line,) = problems(edited(changes))
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        # TRL drops a pair whose prompt fills max_length, without a word and outside every account.
        ({"train.max_length": 96}, "train.max_length"),
        # A second opinion that is the first: label error 0 with an interval.
        (
            {"prepare.source": "multi", "generate.mode": "given", "label.labeler": "scores",
             "evaluate.scorer": "score_head", "label.gold_annotator": "score"},
            "label.gold_annotator",
        ),
    ],
)  # fmt: skip
def test_what_will_fail_or_mislead_later_is_refused_at_once(changes, key):
    assert any(key in line for line in problems(edited(changes)))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        (
            {"prepare.source": "hub", "prepare.hub": {**MOVING, "split": "train", "shape": "multi"},
             "generate.mode": "given", "label.labeler": "scores", "evaluate.scorer": "score_head"},
            "prepare.hub",
        ),
        ({"base.source": "hub", "base.model": MOVING}, "base.model"),
        ({"embed.method": "sentence_transformer", "embed.model": MOVING}, "embed.model"),
        ({"label.labeler": "reward_model", "label.reward_model": MOVING}, "label.reward_model"),
        ({"evaluate.scorer": "reward_model", "label.reward_model": MOVING}, "label.reward_model"),
    ],
)  # fmt: skip
def test_a_branch_pins_nothing(changes, key):
    (line,) = problems(edited(changes))
    assert line.startswith(f"{key}.revision: 'main' is no commit")


def test_what_is_not_used_need_not_be_pinned_and_a_folder_is_told_its_digest_later(tmp_path):
    assert params_file.check(edited({"base.model": MOVING, "embed.model": MOVING}))
    folder = {"name": str(tmp_path), "revision": "?"}
    assert params_file.check(edited({"embed.method": "sentence_transformer", "embed.model": folder}))
    elsewhere = {"name": "models/encoder", "revision": "0123456789abcdef0123"}
    assert params_file.check(edited({"embed.method": "sentence_transformer", "embed.model": elsewhere}))


@pytest.mark.parametrize(
    "changes",
    [
        {"train.loss_type": ["robust"], "train.label_smoothing": 0.1},
        {"train.loss_type": ["exo_pair"], "train.label_smoothing": 0.1},
        {"train.loss_type": ["sigmoid", "sft"], "train.loss_weights": [1.0, 0.5]},
        {"audit": []},
        {"base.source": "hub", "base.model": NAMED, "train.max_length": 4096},
        {"generate.max_new_tokens": 160},
        {"embed.method": "sentence_transformer", "embed.model": NAMED},
        {"select.budget": 5},
        {"rewards.reward": "base"},
        {"rewards": {"reward": "adapter", "adapter": "models/previous"}},
        {"train.lora.target_modules": ["q_proj"]},
    ],
)
def test_what_works_together_is_accepted(changes):
    assert params_file.check(edited(changes))


def test_all_problems_stand_in_one_message():
    wrong = edited({"train.beta": -1.0, "generate.k": 1, "sead": 1, "seed": "x"})
    del wrong["report"]["title"]
    assert sorted(line.partition(":")[0] for line in problems(wrong)) == [
        "generate.k", "report.title", "sead", "seed", "train.beta",
    ]  # fmt: skip
    impossible = edited(
        {"audit": ["easy", "hard", "hard"], "evaluate.scorer": "reward_model", "train.max_length": 999}
    )
    assert [line.partition(":")[0] for line in problems(impossible)] == [
        "audit", "audit", "label.reward_model", "base.build.max_positions",
    ]  # fmt: skip


def test_wrong_values_and_impossible_combinations_stand_in_one_message():
    both = {"train.beta": -1.0, "audit": ["easy"], "evaluate.scorer": "reward_model", "embed.max_tokens": 999}
    assert [line.partition(":")[0] for line in problems(edited(both))] == [
        "train.beta", "audit", "label.reward_model",
    ]  # fmt: skip
    without = edited(both)
    del without["label"], without["validate"]["min_rows"]
    assert sorted(line.partition(":")[0] for line in problems(without)) == [
        "audit", "label", "train.beta", "validate.min_rows",
    ]  # fmt: skip


@pytest.mark.parametrize("raw", [None, [], "text", 5])
def test_a_file_without_sections_is_refused(raw):
    with refused("params.not_sections", match=r"params\.yaml must hold sections"):
        params_file.check(raw)


def test_keys_that_are_no_text_are_refused():
    raw = raw_params()
    raw[1] = 2
    assert problems(raw) == ["1: keys should be strings (it is 1)"]


def test_the_adapter_that_a_run_may_not_read_is_the_one_that_it_writes():
    assert ARTIFACTS["adapter"].path == params.OWN_ADAPTER


def test_an_absent_file_says_where_it_belongs(tmp_path):
    with refused("params.missing", match=r"params\.yaml is not there.*git checkout params\.yaml"):
        params_file.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("content", [b"a: [", b"a: 1\na: 2\n", b"\xff\xfe", b"a: !!python/name:os.system x"])
def test_a_broken_file_is_one_message(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with refused("yaml.invalid", match="is not valid YAML"):
        params_file.load(path)


@pytest.mark.parametrize(
    ("name", "changes", "asked"),
    [
        ("prepare", {"prepare.source": "hub", "prepare.hub": {**NAMED, "split": "train", "shape": "multi"}},
         ["owner/name"]),
        ("base", {"base.source": "hub", "base.model": NAMED}, ["owner/name"]),
        ("base", {"base.source": "build", "base.model": NAMED}, []),
        ("embed", {"embed.method": "sentence_transformer", "embed.model": NAMED}, ["owner/name"]),
        ("embed", {"embed.model": NAMED}, []),
        ("label", {"label.labeler": "reward_model", "label.reward_model": NAMED}, ["owner/name"]),
        ("label", {"label.reward_model": NAMED}, ["owner/name"]),  # it may judge
    ],
)  # fmt: skip
def test_a_section_says_what_it_asks_of_the_hub(name, changes, asked):
    raw = edited(changes)[name]
    model = params.Params.model_fields[name].annotation
    assert model(**raw).hub_names() == asked


def test_a_folder_is_not_asked_of_the_hub(tmp_path):
    assert params.Model(name=str(tmp_path), revision="x").hub_names() == []


def test_an_experiment_without_its_baseline_or_with_an_arm_twice_is_refused():
    raw = raw_params()
    raw["compare"] |= {"strategies": ["easy", "hard"], "budgets": [50, 50]}
    with refused("params.refused") as told:
        params_file.check(raw)
    assert "compare.baseline: random" in str(told.value)
    assert "compare.budgets: names one twice" in str(told.value)


def test_arms_are_every_strategy_with_every_budget_and_seed():
    raw = raw_params()
    raw["compare"] |= {"strategies": ["easy", "random"], "budgets": [50, 100], "seeds": [1]}
    found = params_file.check(raw)
    assert [tuple(arm) for arm in found.compare.arms()] == [
        ("easy", 50, 1), ("easy", 100, 1), ("random", 50, 1), ("random", 100, 1),
    ]  # fmt: skip
    assert found.section("compare.samples") == found.compare.samples


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label.judge.server", "http://me:topsecret@judge.example/v1"),
        ("label.judge.server", "https://topsecret@judge.example/v1"),
        ("label.judge.server", "https://judge.example/v1?api-key=topsecret"),
        ("prepare.hub.name", "https://user:topsecret@hub.example/data"),
        ("label.judge.key_variable", "sk-topsecret"),
        ("label.judge.timeout", "http://me:topsecret@judge.example/v1"),
    ],
)
def test_a_secret_in_params_is_refused_with_the_mend_and_not_shown(key, value):
    with pytest.raises(UserError) as refusal:
        params_file.check(edited({key: value}))
    assert refusal.value.code == "params.secret"
    assert key in str(refusal.value)
    assert "environment variable" in str(refusal.value)
    assert "topsecret" not in str(refusal.value)


def test_broken_yaml_is_refused_without_the_secret_in_it(tmp_path):
    (tmp_path / "params.yaml").write_text("label: {server: [http://me:topsecret@judge.example/v1\n")
    with refused("yaml.invalid") as refusal:
        params_file.load(tmp_path / "params.yaml")
    assert "topsecret" not in str(refusal.value)
