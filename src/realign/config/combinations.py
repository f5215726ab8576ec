"""Parameters that are sound each, and cannot work together: every such combination with its mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from realign.config.params import NO_FILE, OWN_ADAPTER, HubDataset, Model, Params

_ROUNDING = 1e-6

# A commit of the hub, or the digest of a folder (core.ids.folder_digest).
_FIXED = re.compile(r"[0-9a-f]{40}|[0-9a-f]{20}")


def impossible(params: Params) -> list[str]:
    """Combinations of parameters that cannot work, each with its mend.

    Rules that need a section which `params` lacks are passed over.
    """
    found: list[str] = []
    for rule in _RULES:
        with suppress(AttributeError):
            rule(params, found)
    return found


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
            "another labeler"
        )
    if (
        p.label.people.gold_share
        and p.label.labeler in ("human", "cascade")
        and p.label.known_pairs == NO_FILE
    ):
        found.append(
            "label.people.gold_share: hidden checks are taken from label.known_pairs; name it, or set 0.0"
        )
    if p.label.machine == "oracle" and p.prepare.source != "builtin":
        found.append(
            "label.labeler: oracle knows only the builtin tasks' rule; set scores or reward_model, "
            "or prepare.source: builtin"
        )
    if p.label.machine == "scores" and _unscored(p):
        found.append(
            "label.labeler: scores needs responses that came with scores; set generate.mode: given "
            "with scored data, or another labeler"
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
