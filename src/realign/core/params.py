"""`params.yaml`, typed: one frozen model a section, no defaults, every problem in one message.

There is no default in code, because DVC cannot see one change. What a key means stands in
`params.yaml` beside it.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from realign.core.errors import UserError, listing

PARAMS_FILE = "params.yaml"
_ROUNDING = 1e-6
NO_FILE = "data/no-file"  # stands for "none" where DVC wants a path
OWN_ADAPTER = "models/adapter"  # what a run trains, so nothing above train can read it

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]

LossType = Literal[
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot",
    "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
]  # fmt: skip
Shape = Literal["multi", "hh", "shp", "prompts"]

# A commit of the hub, or the digest of a folder (core.ids.folder_digest).
_FIXED = re.compile(r"[0-9a-f]{40}|[0-9a-f]{20}")


class Section(BaseModel):
    """A section of params.yaml: frozen, complete, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def hub_names(self) -> list[str]:
        """What this section asks of a model hub; nothing unless a section says so."""
        return []


class HubDataset(Section):
    """A data set on the hub, pinned."""

    name: Name | None
    revision: Name | None
    split: Name
    shape: Shape


class Prepare(Section):
    """Reading raw data."""

    source: Literal["builtin", "multi", "hh", "shp", "prompts", "hub"]
    path: Name
    hub: HubDataset
    eval_share: Annotated[float, Field(gt=0, lt=1)]
    max_prompts: Count | None
    max_responses: Annotated[int, Field(ge=2)]
    max_chars: Count
    max_share_dropped: Share

    def hub_names(self) -> list[str]:
        """The data set, where the source is the hub."""
        return [str(self.hub.name)] if self.source == "hub" else []

    @property
    def shape(self) -> str:
        """What the raw rows look like, wherever they come from."""
        return self.hub.shape if self.source == "hub" else self.source


class Model(Section):
    """A model by folder or hub name, pinned by its revision."""

    name: Name | None
    revision: Name | None

    def hub_names(self) -> list[str]:
        """The name, unless it is a folder."""
        return [self.name] if self.name and not Path(self.name).is_dir() else []


class Architecture(Section):
    """A tiny Llama-style model built from scratch."""

    vocab_size: Annotated[int, Field(ge=300)]
    hidden_size: Count
    intermediate_size: Count
    layers: Count
    heads: Count
    max_positions: Annotated[int, Field(ge=32)]


class Supervised(Section):
    """Supervised training with TRL: of a built model, or SFT of a loaded one."""

    steps: Whole
    batch_size: Count
    learning_rate: Positive
    max_length: Annotated[int, Field(ge=16)]


class Base(Section):
    """The base policy."""

    source: Literal["build", "local", "hub"]
    model: Model
    build: Architecture
    pretrain: Supervised
    sft: Supervised

    def hub_names(self) -> list[str]:
        """The model, where the source is the hub."""
        return self.model.hub_names() if self.source == "hub" else []


class Generate(Section):
    """Sampling responses."""

    mode: Literal["sample", "given"]
    k: Annotated[int, Field(ge=2)]
    temperature: Positive
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_new_tokens: Count
    max_prompt_tokens: Count
    tokens_per_batch: Count


class Embed(Section):
    """One vector a response."""

    method: Literal["hidden_state", "sentence_transformer"]
    model: Model
    max_tokens: Count
    tokens_per_batch: Count

    def hub_names(self) -> list[str]:
        """The sentence encoder, unless it is a folder."""
        return self.model.hub_names() if self.method == "sentence_transformer" else []


class Pilot(Section):
    """Pairs that are labelled first, for strategies that learn."""

    prompts: Whole
    by: Name
    round: Count


class Implicit(Section):
    """The policy's own reward of each response."""

    reward: Literal["none", "base", "adapter"]
    adapter: Name


class Select(Section):
    """Which pairs are worth a label."""

    budget: Count | None
    across: Literal["top", "stratified", "k_center"]
    pairs_per_prompt: Count
    mix: dict[Name, Positive]
    mid: Annotated[list[Share], Field(min_length=2, max_length=2)]
    matched_length: Annotated[float, Field(ge=1)]
    length_bound: Positive
    pilot: Pilot
    implicit: Implicit


class Validate(Section):
    """Thresholds of the quality gates."""

    min_rows: Count
    max_length_ratio: Annotated[float, Field(gt=1)]
    near_duplicate: Share
    max_share_dropped: Share
    max_share_truncated: Share
    max_share_refusals: Share
    max_length_confound: Share


class Budget(Section):
    """What a set of labels may cost."""

    calls: Count | None
    money: Positive | None
    then: Literal["stop", "train"]


class Judge(Section):
    """A language model that is asked which response is better, in both orders."""

    server: Name | None
    model: Model
    key_variable: Name
    rubric: Name
    attributes: dict[Name, float]
    temperature: Annotated[float, Field(ge=0)]
    max_tokens: Count
    concurrency: Count
    timeout: Positive
    retries: Whole
    price_in: Annotated[float, Field(ge=0)]
    price_out: Annotated[float, Field(ge=0)]


class SelfJudge(Section):
    """The policy's own log-probabilities under two contrastive instructions."""

    positive: Name
    negative: Name


class People(Section):
    """People who vote on a page."""

    min_votes: Count
    min_share: Annotated[float, Field(gt=0, le=1)]
    gold_share: Annotated[float, Field(ge=0, lt=1)]
    repeat_share: Annotated[float, Field(ge=0, lt=1)]
    consensus: Literal["majority", "dawid_skene", "mace"]


MachineLabeller = Literal["oracle", "scores", "reward_model", "llm_judge", "self_judge", "quality_head"]


class Cascade(Section):
    """A judge labels, people get what is doubtful."""

    judge: MachineLabeller
    unsure: Annotated[float, Field(ge=0, le=0.5)]
    audit_share: Share


class Label(Section):
    """Who says which response is better."""

    labeller: MachineLabeller | Literal["human", "cascade"]
    temperature: Positive
    tie_gap: Annotated[float, Field(ge=0)]
    annotator: Name
    gold_annotator: Name | None
    known_pairs: Name
    min_judge_accuracy: Share | None
    budget: Budget
    reward_model: Model
    judge: Judge
    self_judge: SelfJudge
    people: People
    cascade: Cascade

    @property
    def machine(self) -> str:
        """The labeller that is no person: the cascade's judge in a cascade."""
        return self.cascade.judge if self.labeller == "cascade" else self.labeller

    def hub_names(self) -> list[str]:
        """The reward model, which may label or judge, and a judge that runs here."""
        local = self.judge.server is None and self.machine == "llm_judge"
        return self.reward_model.hub_names() + (self.judge.model.hub_names() if local else [])


class Lora(Section):
    """The adapter (PEFT)."""

    r: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    target_modules: Name | list[str]


class Train(Section):
    """DPO with TRL."""

    beta: Positive
    loss_type: Annotated[list[LossType], Field(min_length=1)]
    loss_weights: list[float] | None
    soft_labels: bool
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    epochs: Positive
    batch_size: Count
    gradient_accumulation: Count
    learning_rate: Positive
    warmup_share: Annotated[float, Field(ge=0, lt=1)]
    max_length: Annotated[int, Field(ge=16)]
    checkpoint_every: Count
    log_every: Count
    lora: Lora


class Evaluate(Section):
    """Held-out measurement."""

    judge: Literal["rule", "score_head", "reward_model"]
    samples: Count
    resamples: Annotated[int, Field(ge=200)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class Report(Section):
    """The page."""

    title: Name
    examples: Count


class Arm(NamedTuple):
    """One training of the equal-budget experiment."""

    strategy: str
    budget: int
    seed: int


class Compare(Section):
    """The equal-budget experiment: every strategy with every budget and every seed."""

    strategies: Annotated[list[Name], Field(min_length=2)]
    budgets: Annotated[list[Count], Field(min_length=1)]
    seeds: Annotated[list[Whole], Field(min_length=1)]
    baseline: Name
    pilot: Count
    samples: Count

    def arms(self) -> list[Arm]:
        """Every combination, in the order of dvc.yaml's matrix."""
        return [Arm(*arm) for arm in itertools.product(self.strategies, self.budgets, self.seeds)]


class Params(Section):
    """The whole of params.yaml."""

    seed: Whole
    strategy: Name
    audit: list[Name]
    prepare: Prepare
    base: Base
    generate: Generate
    embed: Embed
    select: Select
    validation: Annotated[Validate, Field(alias="validate")]  # BaseModel has a validate of its own
    label: Label
    train: Train
    evaluate: Evaluate
    report: Report
    compare: Compare

    def section(self, key: str) -> object:
        """The value of one key of params.yaml, with dots for a key inside of a section."""
        if key == "validate":
            return self.validation
        return functools.reduce(getattr, key.split("."), self)


def load(path: Path) -> Params:
    """Read and check a params file.

    Raises:
        UserError: the file is absent, is no YAML, or breaks a rule; all broken rules are listed.
    """
    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there. Run from the project's root, or restore it: git checkout {path.name}"
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    return check(raw, path.name)


def check(raw: object, name: str = PARAMS_FILE) -> Params:
    """Check parameters that were read from somewhere.

    Raises:
        UserError: lists every unknown, missing or wrong key and every impossible combination.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{name} must hold sections (key: value), not {type(raw).__name__}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        problems = [_sentence(dict(e)) for e in error.errors()]
        problems += impossible(_sound(raw, {e["loc"][0] for e in error.errors()}))
    else:
        problems = impossible(params)
        if not problems:
            return params
    raise UserError(listing(f"{name} cannot be used ({len(problems)} problem(s)):", problems))


def impossible(params: Params) -> list[str]:
    """Combinations of parameters that cannot work, each with its mend.

    Rules that need a section which `params` lacks are passed over.
    """
    found: list[str] = []
    for rule in _RULES:
        with suppress(AttributeError):
            rule(params, found)
    return found


def _sound(raw: dict[Any, Any], broken: set[int | str]) -> Params:
    """The sections without an error; the others are absent."""
    sections = {}
    for name, field in Params.model_fields.items():
        key = field.alias or name
        if key in raw and key not in broken:
            section: Any = field.annotation
            sections[key] = section.model_validate(raw[key]) if isinstance(raw[key], dict) else raw[key]
    return Params.model_construct(**sections)


def _audit(p: Params, found: list[str]) -> None:
    if p.strategy in p.audit:
        found.append(f"audit: {p.strategy!r} is the trained strategy already; take it off the list")
    if len(set(p.audit)) < len(p.audit):
        found.append("audit: a strategy stands there twice; take one off the list")
    if "mix" in (p.strategy, *p.audit) and not p.select.mix:
        found.append("select.mix: strategy mix needs its parts, e.g. {easy: 0.8, hard: 0.2}")


def _select(p: Params, found: list[str]) -> None:
    if "mix" in p.select.mix:
        found.append("select.mix: cannot hold itself; name other strategies")
    if p.select.mix and abs(sum(p.select.mix.values()) - 1) > _ROUNDING:
        found.append(
            f"select.mix: the shares must add up to 1, they add up to {sum(p.select.mix.values()):g}"
        )
    if p.select.mid[0] >= p.select.mid[1]:
        found.append("select.mid: the lower quantile comes first and must be below the upper one")


def _implicit(p: Params, found: list[str]) -> None:
    reward, adapter = p.select.implicit.reward, p.select.implicit.adapter
    if reward == "adapter" and adapter == NO_FILE:
        found.append(
            "select.implicit.reward: adapter needs an earlier run's adapter; name its folder in "
            "select.implicit.adapter (docs/operations.md), or set base"
        )
    if reward != "adapter" and adapter != NO_FILE:
        found.append(
            f"select.implicit.adapter: {adapter} is not looked at while select.implicit.reward is {reward}; set that "
            f"to adapter, or this to {NO_FILE}"
        )
    if Path(adapter) == Path(OWN_ADAPTER):
        found.append(
            f"select.implicit.adapter: {OWN_ADAPTER} is what this run will train, and a pick cannot wait for it; name "
            "a copy of an earlier run's (docs/operations.md)"
        )


def _data(p: Params, found: list[str]) -> None:
    if p.prepare.source == "hub":
        _pinned("prepare.hub", p.prepare.hub, "prepare.source is hub", found)


def _base(p: Params, found: list[str]) -> None:
    if p.base.source != "build":
        _pinned("base.model", p.base.model, f"base.source is {p.base.source}", found)
    if p.base.build.hidden_size % (2 * p.base.build.heads):
        found.append("base.build.hidden_size: must be an even multiple of base.build.heads")
    if p.base.source == "build" and p.prepare.shape == "prompts":
        found.append(
            "base.source: build needs texts to learn from, and prompts data has none; set local or hub"
        )


def _embed(p: Params, found: list[str]) -> None:
    if p.embed.method == "sentence_transformer":
        _pinned("embed.model", p.embed.model, "embed.method is sentence_transformer", found)


def _generate(p: Params, found: list[str]) -> None:
    if p.generate.mode == "given" and p.prepare.shape == "prompts":
        found.append("generate.mode: given needs responses in the data, prompts has none; set sample")


def _label(p: Params, found: list[str]) -> None:
    if p.label.machine == "scores" and p.label.gold_annotator == p.label.annotator:
        found.append(
            "label.gold_annotator: a second opinion must be another's; name another annotator, or null"
        )
    judge = p.label.judge
    if p.label.machine == "llm_judge" and judge.server is None:
        _pinned("label.judge.model", judge.model, "llm_judge labels", found)
    elif p.label.machine == "llm_judge" and not (judge.model.name and judge.model.revision):
        found.append("label.judge.model: name and revision are needed when llm_judge labels")
    if p.label.min_judge_accuracy is not None and p.label.known_pairs == NO_FILE:
        found.append(
            "label.min_judge_accuracy: needs pairs with known answers; name them in label.known_pairs"
        )
    if p.label.min_judge_accuracy is not None and p.label.machine in ("oracle", "scores", "human"):
        found.append(
            f"label.min_judge_accuracy: {p.label.machine} cannot be asked about other pairs; set null, or "
            "another labeller"
        )
    if (
        p.label.people.gold_share
        and p.label.labeller in ("human", "cascade")
        and p.label.known_pairs == NO_FILE
    ):
        found.append(
            "label.people.gold_share: hidden checks are taken from label.known_pairs; name it, or set 0.0"
        )
    if p.label.machine == "oracle" and p.prepare.source != "builtin":
        found.append(
            "label.labeller: oracle knows only the builtin tasks' rule; set scores or reward_model, "
            "or prepare.source: builtin"
        )
    if p.label.machine == "scores" and _unscored(p):
        found.append(
            "label.labeller: scores needs responses that came with scores; set generate.mode: given "
            "with scored data, or another labeller"
        )


def _judges(p: Params, found: list[str]) -> None:
    if "reward_model" in (p.label.machine, p.evaluate.judge):
        _pinned("label.reward_model", p.label.reward_model, "a reward model judges", found)
    if p.evaluate.judge == "rule" and p.prepare.source != "builtin":
        found.append("evaluate.judge: rule knows only the builtin tasks; set score_head or reward_model")
    if p.evaluate.judge == "score_head" and _unscored(p):
        found.append(
            "evaluate.judge: score_head learns from scores; give scored data (generate.mode: given), or set "
            "another judge"
        )


def _train(p: Params, found: list[str]) -> None:
    if p.train.loss_weights is not None and len(p.train.loss_weights) != len(p.train.loss_type):
        found.append("train.loss_weights: give one weight for each entry of train.loss_type, or null")
    if p.train.soft_labels and p.train.loss_type != ["sigmoid"]:
        found.append("train.soft_labels: only with train.loss_type [sigmoid]; set one or the other")
    if p.train.label_smoothing and not {"robust", "exo_pair"} & set(p.train.loss_type):
        found.append(
            "train.label_smoothing: TRL ignores it except with loss_type robust or exo_pair; set 0 or "
            "one of these"
        )
    if p.train.checkpoint_every % p.train.log_every:
        found.append(
            "train.checkpoint_every: must be a multiple of train.log_every, or a resumed run's curve would "
            "differ from that of a run that was never stopped"
        )
    if "exo_pair" in p.train.loss_type and not p.train.label_smoothing:
        found.append("train.label_smoothing: exo_pair needs a value above 0")


def _lengths(p: Params, found: list[str]) -> None:
    if p.train.max_length <= p.generate.max_prompt_tokens:
        found.append(
            "train.max_length: must be above generate.max_prompt_tokens, or TRL drops pairs without a word"
        )
    longest = max(p.base.pretrain.max_length, p.base.sft.max_length, p.train.max_length, p.embed.max_tokens)
    longest = max(longest, p.generate.max_prompt_tokens + p.generate.max_new_tokens)
    if p.base.source == "build" and longest > p.base.build.max_positions:
        found.append(
            f"base.build.max_positions: {p.base.build.max_positions} is less than the {longest} tokens that "
            "another section allows (pretrain, sft, train, embed, or generate's prompt + new)"
        )


def _compare(p: Params, found: list[str]) -> None:
    for key in ("strategies", "budgets", "seeds"):
        named = getattr(p.compare, key)
        if len(set(named)) < len(named):
            found.append(f"compare.{key}: names one twice; each is an arm of its own")
    if p.compare.baseline not in p.compare.strategies:
        found.append(
            f"compare.baseline: {p.compare.baseline} is the strategy that the others are held against; name it in "
            "compare.strategies too"
        )


_RULES: tuple[Callable[[Params, list[str]], None], ...] = (
    _audit, _select, _implicit, _data, _base, _embed, _generate, _label, _judges, _train, _lengths, _compare,
)  # fmt: skip


def _unscored(p: Params) -> bool:
    """Whether the responses that are compared came without scores."""
    return p.prepare.shape in ("builtin", "prompts") or p.generate.mode == "sample"


def _pinned(key: str, named: Model | HubDataset, when: str, found: list[str]) -> None:
    """A name whose content can change is refused; a folder here is told its digest when it is loaded."""
    if not (named.name and named.revision):
        found.append(f"{key}: name and revision are needed when {when}")
    elif not _FIXED.fullmatch(named.revision) and not Path(named.name).is_dir():
        found.append(
            f"{key}.revision: {named.revision!r} is no commit (40 hex digits, which the hub shows in the history "
            "of the files) and no folder's digest, so it can come to mean other content; give one of these"
        )


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function"))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _keys(error["loc"][:-1]), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "take it out"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}: missing; params.yaml has no hidden defaults, copy the key from profiles/demo.yaml"
    message = str(error["msg"])
    return f"{where}: {message[:1].lower()}{message[1:]} (it is {error['input']!r:.80})"


def _keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `location` has."""
    section: Any = Params
    for part in location:
        section = _fields(section).get(part)
    return list(_fields(section))


def _fields(section: Any) -> dict[str, Any]:
    return {
        field.alias or name: field.annotation for name, field in getattr(section, "model_fields", {}).items()
    }
