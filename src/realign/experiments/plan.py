"""`realign plan`: what a run would cost before it starts, strategy by strategy. Buys nothing unless asked to probe."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import Params
from realign.data.pairs import with_texts
from realign.errors import UserError
from realign.experiments.judge_check import request, with_labeler
from realign.labelers.base import Outlook
from realign.labelers.label_pairs import asked_about
from realign.labelers.registry import find, machine
from realign.quality.pairs import passed
from realign.selection import registry
from realign.selection.select import select
from realign.store import artifacts, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import ARTIFACTS
from realign.store.labels import OUTCOMES
from realign.store.work import WORK, Work

COLUMNS = (
    "strategy", "train pairs", "held-out pairs", "known", "calls", "tokens", "money",
    "machine minutes", "votes", "people's minutes",
)  # fmt: skip
_CHARACTERS_A_TOKEN = 4  # of English prose; only until the judge has answered once
_VOTE_SECONDS = 30.0  # only until somebody has voted on the page
_AFTER_LABELS = ("train", "evaluate", "report")


def run(root: Path, params: Params, labeler: str | None, probe: int) -> dict[str, Any]:
    """The price of labeling and training on the pairs of each strategy, each as if it alone were run.

    The pairs are those that select and validate would give: the same code on the same tables. Calls are
    exact unless an answer needs a repair. Tokens are learned from what this very judge read and wrote
    before; `probe` pairs are bought first to learn from, and stay in the ledger, so nothing is wasted.

    Args:
        root: the project, up to date until rewards.
        params: its parameters.
        labeler: another one than `label.labeler`; None for that one.
        probe: pairs to buy before, to know what tokens they take.

    Returns:
        `columns`, a row a strategy under `strategies` (the last one is this run: the trained strategy and
        all that are audited), and `notes` in words.
    """
    params = with_labeler(params, labeler)
    pairs, texts = _pairs(root, params)
    in_run = pairs["strategy"].isin([params.strategy, *params.audit]) | (pairs["purpose"] == "holdout")
    in_run &= asked_about(pairs, params.label)
    first, costs = find(machine(params.label)), None
    if first.outlook is not None:
        whole = request(root, params, texts)
        if probe:
            mine = set(pairs.loc[in_run, "pair_id"])
            order = first.outlook(whole).pairs["pair_id"]
            paid = order[order.isin(mine)].head(probe)
            first.label(replace(whole, pairs=texts[texts["pair_id"].isin(paid)]))
        costs = Costs(first.outlook(whole))
    votes = batches.read(root / ARTIFACTS["people"].path)
    train = pairs[pairs["purpose"] != "holdout"]
    holdout = pairs[pairs["purpose"] == "holdout"]
    rows = {name: pd.concat([part, holdout]) for name, part in train.groupby("strategy", sort=False)}
    rows["this run"] = pairs[in_run]
    minutes = _machine_minutes(root)
    return {
        "columns": list(COLUMNS),
        "strategies": [_row(str(name), part, params, costs, votes, minutes) for name, part in rows.items()],
        "notes": _notes(params, costs, votes),
    }


@dataclass(frozen=True)
class Costs:
    """An outlook, and what the labeler's calls were like so far.

    Attributes:
        outlook: of all distinct pairs.
    """

    outlook: Outlook

    @cached_property
    def rates(self) -> tuple[float, float] | None:
        """Tokens read for a character of the prompts, mean tokens of an answer; None before the first answer.

        Learned from the pairs that are known without a repair.
        """
        seen = self.outlook.pairs
        plain = seen[(seen["known_calls"] == 2 - seen["calls"]) & (seen["known_tokens_in"] > 0)]
        if plain.empty:
            return None
        characters = (plain["characters"] * plain["known_calls"]).sum()
        return (
            float(plain["known_tokens_in"].sum() / characters),
            float(plain["known_tokens_out"].sum() / plain["known_calls"].sum()),
        )

    @cached_property
    def seconds_a_call(self) -> float | None:
        """Mean time of a call so far; None before the first answer."""
        calls = self.outlook.pairs["known_calls"].sum()
        return float(self.outlook.pairs["known_seconds"].sum() / calls) if calls else None


def cell(value: object) -> str:
    """A value as the table shows it."""
    if value is None:
        return "not known"
    return (
        f"{value:,.2f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _pairs(root: Path, params: Params) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validated pairs of every strategy, and each distinct one with its texts."""
    tables = {
        name: artifacts.read_table(root / ARTIFACTS[name].path, table)
        for name, table in (
            (n, ARTIFACTS[n].table) for n in ("prompts", "responses", "embeddings", "rewards")
        )
        if table is not None
    }
    known, pilot = registry(root / ARTIFACTS["strategies"].path), _pilot(root)
    there = (
        {"seed"} | ({"labels"} if len(pilot) else set()) | ({"rewards"} if len(tables["rewards"]) else set())
    )
    able = [name for name, strategy in known.items() if set(strategy.needs) <= there]
    others = [name for name in able if name != params.strategy]
    others += [name for name in params.audit if name not in others]
    untaught = [n for n in (params.strategy, *others) if n in known and "labels" in {*known[n].needs} - there]
    if untaught:
        raise UserError(
            f"{', '.join(untaught)}: picks by labels that are not bought yet; buy the pilot first: realign run "
            "--until pilot",
            code="plan.no_pilot",
        )
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder) / WORK, "plan")  # a plan leaves no gate report behind
        picked = select(
            **tables, pilot=pilot, strategies=[params.strategy, *others], known=known, options=params.select,
            seed=params.seed,
        ).pairs  # fmt: skip
        pairs = passed(picked, tables["responses"], tables["prompts"], params.validation, work).pairs
    return pairs, with_texts(pairs.drop_duplicates("pair_id"), tables["prompts"], tables["responses"])


def _pilot(root: Path) -> pd.DataFrame:
    """The labels that strategies that learn have to go by so far; none before the pilot has run."""
    path = root / ARTIFACTS["pilot"].path
    if path.is_file():
        return artifacts.read_table(path, schemas.PILOT)
    return pd.DataFrame(columns=schemas.PILOT.names)


def _row(
    name: str,
    pairs: pd.DataFrame,
    params: Params,
    costs: Costs | None,
    votes: pd.DataFrame,
    after: float | None,
) -> dict[str, Any]:
    distinct = pairs["pair_id"].drop_duplicates()
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "strategy": name,
        "train pairs": int((pairs["purpose"] != "holdout").sum()),
        "held-out pairs": int((pairs["purpose"] == "holdout").sum()),
        "known": 0, "calls": 0, "tokens": 0, "money": 0.0, "machine minutes": after,
        "votes": 0, "people's minutes": 0.0,
    }  # fmt: skip
    if costs is not None:
        outlook, seconds = costs.outlook, costs.seconds_a_call
        mine = outlook.pairs.loc[distinct]
        calls = int(mine["calls"].sum())
        characters = int((mine["characters"] * mine["calls"]).sum())
        a_character, an_answer = costs.rates or (1 / _CHARACTERS_A_TOKEN, outlook.longest)
        tokens_in, tokens_out = characters * a_character, calls * an_answer
        row |= {
            "known": int((mine["within"] & (mine["calls"] == 0)).sum()),
            "calls": calls,
            "tokens": round(tokens_in + tokens_out),
            "money": outlook.money(tokens_in, tokens_out),
        }
        if calls:
            row["machine minutes"] = None
            if seconds is not None and after is not None:
                row["machine minutes"] = after + calls * seconds / outlook.at_once / 60
    if _asks_people(params):
        had = _first_votes(votes).reindex(distinct, fill_value=0)
        missing = (params.label.people.min_votes - had).clip(lower=0)
        row |= {
            "known": int((missing == 0).sum()),
            "votes": int(missing.sum()),
            "people's minutes": float(missing.sum()) * (_vote_seconds(votes) or _VOTE_SECONDS) / 60,
        }
    if _asks_people_later(params):  # who is asked depends on the judge's labels
        row |= {"votes": None, "people's minutes": None}
    return row


def _asks_people(params: Params) -> bool:
    """Whether people label every pair."""
    labeler = find(params.label.labeler)
    return labeler.asks_people and labeler.before_people is None


def _asks_people_later(params: Params) -> bool:
    """Whether people label some pairs, after a judge has labeled all."""
    return find(params.label.labeler).before_people is not None


def _first_votes(votes: pd.DataFrame) -> pd.Series[int]:
    first = votes[(votes["kind"] == "human") & (votes["occasion"] == 0) & votes["winner"].isin(OUTCOMES)]
    return first.groupby("pair_id").size()


def _vote_seconds(votes: pd.DataFrame) -> float | None:
    """Median time of a vote so far; None before the first that was timed (imported ones are not)."""
    timed = votes.loc[(votes["kind"] == "human") & (votes["seconds"] > 0), "seconds"]
    return float(timed.median()) if len(timed) else None


def _machine_minutes(root: Path) -> float | None:
    """What the stages after label took the last time, on this machine."""
    records = [root / WORK / "provenance" / f"{stage}.json" for stage in _AFTER_LABELS]
    if not all(record.is_file() for record in records):
        return None
    return sum(float(json.loads(record.read_text(encoding="utf-8"))["seconds"]) for record in records) / 60


def _notes(params: Params, costs: Costs | None, votes: pd.DataFrame) -> list[str]:
    notes = ["Each row is priced as if its strategy alone were run; a pair that several pick is paid once."]
    if costs is not None:
        notes.append(
            f"Tokens as this judge took before: {costs.rates[0]:.3f} a character read, "
            f"{costs.rates[1]:.0f} an answer. Repairs of unreadable answers come on top."
            if costs.rates
            else f"This judge has not answered yet: tokens are a guess ({_CHARACTERS_A_TOKEN} characters a token, answers "
            "as long as label.judge.max_tokens). --probe 10 buys ten pairs first and knows."
        )
    if _asks_people(params):
        seconds = _vote_seconds(votes)
        of = "a guess until somebody has voted on the page" if seconds is None else "as people took before"
        notes.append(f"A vote takes {seconds or _VOTE_SECONDS:.0f} seconds ({of}).")
    if params.audit and find(params.label.labeler).asks_people and not params.label.people.audit:
        notes.append(
            f"People are not asked about the pairs of {', '.join(params.audit)}, which only measure (label.people.audit)."
        )
    if _asks_people_later(params):
        notes.append(
            "Which pairs people get depends on the judge's labels: at least label.cascade.audit_share of all."
        )
    return notes
