"""`params.yaml`, typed: one frozen model a section, no defaults.

There is no default in code, because DVC cannot see one change. What a key means stands in
`params.yaml` beside it. `core.params_file` reads it, `core.combinations` knows what cannot go together.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

NO_FILE = "data/no-file"  # stands for "none" where DVC wants a path
OWN_ADAPTER = "models/adapter"  # what a run trains, so nothing above train can read it

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]


class Untracked:
    """Marks a key that changes no result (a timeout, a batch size): no stage goes stale when it changes."""


UNTRACKED = Untracked()


class Section(BaseModel):
    """A section of params.yaml: frozen, complete, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def hub_names(self) -> list[str]:
        """What this section asks of a model hub; nothing unless a section says so."""
        return []

    def restricted(self, keys: Sequence[str]) -> Self:
        """This section with these keys and the untracked ones alone: reading another is an AttributeError."""
        fields = type(self).model_fields
        kept = [name for name, field in fields.items() if name in keys or UNTRACKED in field.metadata]
        return type(self).model_construct(**{name: getattr(self, name) for name in kept})


def tracked(section: type[Section], prefix: str, only: Sequence[str] = ()) -> list[str]:
    """The keys of params.yaml, as short as can be, that cover the tracked keys of a section.

    Args:
        section: its type.
        prefix: its own key.
        only: its keys that are read; () for all.
    """
    wanted = {
        name: field for name, field in section.model_fields.items() if name in (only or section.model_fields)
    }
    keys = []
    for name, field in wanted.items():
        nested = field.annotation
        if UNTRACKED not in field.metadata and isinstance(nested, type) and issubclass(nested, Section):
            keys.append(tracked(nested, f"{prefix}.{name}"))
        elif UNTRACKED not in field.metadata:
            keys.append([f"{prefix}.{name}"])
    whole = len(wanted) == len(section.model_fields) == len(keys)
    if whole and all(len(part) == 1 and part[0].count(".") == prefix.count(".") + 1 for part in keys):
        return [prefix]
    return [key for part in keys for key in part]


class HubDataset(Section):
    """A data set on the hub, pinned."""

    name: Name | None
    revision: Name | None
    split: Name
    shape: Name


class Prepare(Section):
    """Reading raw data."""

    source: Name
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

    @property
    def is_folder(self) -> bool:
        """Whether the name is a folder's: it begins with / or ./ or ../, as no hub name does."""
        return bool(self.name) and str(self.name).startswith(("/", "./", "../"))

    def hub_names(self) -> list[str]:
        """The name, unless it is a folder."""
        return [self.name] if self.name and not self.is_folder else []


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
    tokens_per_batch: Annotated[Count, UNTRACKED]


class Embed(Section):
    """One vector a response."""

    method: Literal["hidden_state", "sentence_transformer"]
    model: Model
    max_tokens: Count
    tokens_per_batch: Annotated[Count, UNTRACKED]

    def hub_names(self) -> list[str]:
        """The sentence encoder, unless it is a folder."""
        return self.model.hub_names() if self.method == "sentence_transformer" else []


class Pilot(Section):
    """Pairs that are labeled first, for strategies that learn."""

    prompts: Whole
    by: Name
    round: Count


class Rewards(Section):
    """The policy's own reward of each response."""

    reward: Literal["none", "base", "adapter"]
    adapter: Name


class Select(Section):
    """Which pairs are worth a label."""

    budget: Count | None
    across: Literal["top", "stratified", "k_center"]
    pairs_per_prompt: Count
    mix: dict[Name, Positive]
    text_features: bool
    options: dict[Name, dict[Name, Any]]


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
    """A language model that is asked which response is better, in both orders; backends are files of llm_judge."""

    backend: Name
    server: Name | None
    model: Model
    key_variable: Annotated[Name, UNTRACKED]
    rubric: Name
    attributes: dict[Name, float]
    temperature: Annotated[float, Field(ge=0)] | None
    max_tokens: Count
    concurrency: Annotated[Count, UNTRACKED]
    timeout: Annotated[Positive, UNTRACKED]
    retries: Annotated[Whole, UNTRACKED]
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
    gold_share: Annotated[float, Field(ge=0, lt=1), UNTRACKED]  # of the page, which no stage is
    repeat_share: Annotated[float, Field(ge=0, lt=1), UNTRACKED]
    consensus: Literal["majority", "dawid_skene", "mace"]
    audit: bool


class QualityHead(Section):
    """A reward head trained on labels that exist."""

    ledger: Name


class Cascade(Section):
    """A labeler without people labels, people get what is doubtful."""

    labeler: Name
    unsure: Annotated[float, Field(ge=0, le=0.5)]
    audit_share: Share


class Label(Section):
    """Who says which response is better; labelers are files of realign.labelers."""

    labeler: Name
    temperature: Positive
    tie_gap: Annotated[float, Field(ge=0)]
    annotator: Name
    gold_annotator: Name | None
    known_pairs: Name
    min_accuracy: Share | None
    unsure: Annotated[float, Field(ge=0, lt=0.5)] | None
    budget: Budget
    reward_model: Model
    judge: Judge
    self_judge: SelfJudge
    quality_head: QualityHead
    people: People
    cascade: Cascade

    def hub_names(self) -> list[str]:
        """The reward model, which may label or score, and a judge that is not behind a server."""
        return self.reward_model.hub_names() + ([] if self.judge.server else self.judge.model.hub_names())


class Lora(Section):
    """The adapter (PEFT)."""

    r: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    target_modules: Name | list[str]


class Train(Section):
    """DPO with TRL."""

    beta: Positive
    loss_type: Annotated[list[Name], Field(min_length=1)]
    loss_weights: list[float] | None
    weighting: Name | None
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    epochs: Positive
    batch_size: Count
    gradient_accumulation: Count
    learning_rate: Positive
    warmup_share: Annotated[float, Field(ge=0, lt=1)]
    max_length: Annotated[int, Field(ge=16)]
    checkpoint_every: Annotated[Count, UNTRACKED]
    lora: Lora


class Evaluate(Section):
    """Held-out measurement."""

    scorer: Literal["rule", "score_head", "reward_model"]
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
    rewards: Rewards
    pilot: Pilot
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
