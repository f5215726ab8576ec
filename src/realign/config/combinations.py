"""Parameters that are sound each, and cannot work together: every such combination with its mend."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from realign.config.params import NO_FILE, OWN_ADAPTER, HubDataset, Model, Params

_ROUNDING = 1e-6

# A commit of the hub, or the digest of a folder (store.ids.folder_digest).
_FIXED = re.compile(r"[0-9a-f]{40}|[0-9a-f]{20}")


Rule = Callable[[Params], Iterator[str]]
_RULES: list[tuple[frozenset[str], Rule]] = []


def impossible(params: Params) -> list[str]:
    """Combinations of parameters that cannot work, each with its mend.

    A rule is skipped where a section that it reads is absent, because that section has an error of its own.
    """
    present = params.model_fields_set
    return [problem for sections, rule in _RULES if sections <= present for problem in rule(params)]


def _rule(*sections: str) -> Callable[[Rule], Rule]:
    """Register a rule with the sections of params.yaml that it reads."""

    def register(rule: Rule) -> Rule:
        _RULES.append((frozenset(sections), rule))
        return rule

    return register


@_rule("strategy", "audit", "select")
def _audit(p: Params) -> Iterator[str]:
    if p.strategy in p.audit:
        yield f"audit: {p.strategy!r} is the trained strategy already; take it off the list"
    if len(set(p.audit)) < len(p.audit):
        yield "audit: a strategy stands there twice; take one off the list"
    if "mix" in (p.strategy, *p.audit) and not p.select.mix:
        yield "select.mix: strategy mix needs its parts, e.g. {easy: 0.8, hard: 0.2}"


@_rule("select")
def _select(p: Params) -> Iterator[str]:
    if "mix" in p.select.mix:
        yield "select.mix: cannot hold itself; name other strategies"
    if p.select.mix and abs(sum(p.select.mix.values()) - 1) > _ROUNDING:
        yield f"select.mix: the shares must add up to 1, they add up to {sum(p.select.mix.values()):g}"


@_rule("rewards")
def _rewards(p: Params) -> Iterator[str]:
    reward, adapter = p.rewards.reward, p.rewards.adapter
    if reward == "adapter" and adapter == NO_FILE:
        yield (
            "rewards.reward: adapter needs an earlier run's adapter; name its folder in "
            "rewards.adapter (docs/operations.md), or set base"
        )
    if reward != "adapter" and adapter != NO_FILE:
        yield (
            f"rewards.adapter: {adapter} is not looked at while rewards.reward is {reward}; set that "
            f"to adapter, or this to {NO_FILE}"
        )
    if Path(adapter) == Path(OWN_ADAPTER):
        yield (
            f"rewards.adapter: {OWN_ADAPTER} is what this run will train, and a pick cannot wait for it; name "
            "a copy of an earlier run's (docs/operations.md)"
        )


@_rule("prepare")
def _data(p: Params) -> Iterator[str]:
    if p.prepare.source == "hub":
        yield from unpinned("prepare.hub", p.prepare.hub, "prepare.source is hub")


@_rule("base")
def _base(p: Params) -> Iterator[str]:
    if p.base.source != "build":
        yield from unpinned("base.model", p.base.model, f"base.source is {p.base.source}")
    if p.base.build.hidden_size % (2 * p.base.build.heads):
        yield "base.build.hidden_size: must be an even multiple of base.build.heads"


@_rule("embed")
def _embed(p: Params) -> Iterator[str]:
    if p.embed.method == "sentence_transformer":
        yield from unpinned("embed.model", p.embed.model, "embed.method is sentence_transformer")


@_rule("label", "evaluate")
def _scorers(p: Params) -> Iterator[str]:
    if p.evaluate.scorer == "reward_model":
        yield from unpinned("label.reward_model", p.label.reward_model, "evaluate.scorer is reward_model")


@_rule("train")
def _train(p: Params) -> Iterator[str]:
    if p.train.loss_weights is not None and len(p.train.loss_weights) != len(p.train.loss_type):
        yield "train.loss_weights: give one weight for each entry of train.loss_type, or null"
    if p.train.label_smoothing and not {"robust", "exo_pair"} & set(p.train.loss_type):
        yield (
            "train.label_smoothing: TRL ignores it except with loss_type robust or exo_pair; set 0 or "
            "one of these"
        )
    if "exo_pair" in p.train.loss_type and not p.train.label_smoothing:
        yield "train.label_smoothing: exo_pair needs a value above 0"


@_rule("base", "train", "generate", "embed")
def _lengths(p: Params) -> Iterator[str]:
    if p.train.max_length <= p.generate.max_prompt_tokens:
        yield (
            "train.max_length: must be above generate.max_prompt_tokens, or TRL drops pairs without a word"
        )
    longest = max(p.base.pretrain.max_length, p.base.sft.max_length, p.train.max_length, p.embed.max_tokens)
    longest = max(longest, p.generate.max_prompt_tokens + p.generate.max_new_tokens)
    if p.base.source == "build" and longest > p.base.build.max_positions:
        yield (
            f"base.build.max_positions: {p.base.build.max_positions} is less than the {longest} tokens that "
            "another section allows (pretrain, sft, train, embed, or generate's prompt + new)"
        )


@_rule("compare")
def _compare(p: Params) -> Iterator[str]:
    for key in ("strategies", "budgets", "seeds"):
        named = getattr(p.compare, key)
        if len(set(named)) < len(named):
            yield f"compare.{key}: names one twice; each is an arm of its own"
    if p.compare.baseline not in p.compare.strategies:
        yield (
            f"compare.baseline: {p.compare.baseline} is the strategy that the others are held against; name it in "
            "compare.strategies too"
        )


def unpinned(key: str, named: Model | HubDataset, when: str) -> Iterator[str]:
    """A name whose content can change is refused; a folder's revision is checked where files are read (models.load)."""
    is_folder = isinstance(named, Model) and named.is_folder
    if not named.name or not (named.revision or is_folder):
        yield f"{key}: name and revision are needed when {when}"
    elif not is_folder and not _FIXED.fullmatch(str(named.revision)):
        yield (
            f"{key}.revision: {named.revision!r} is no commit (40 hex digits, which the hub shows in the history "
            "of the files) and no folder's digest, so it can come to mean other content; give one of these"
        )
