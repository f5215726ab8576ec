"""`realign plan`: what a run would cost before it starts, strategy by strategy. Buys nothing unless asked to probe."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import Label, Params
from realign.data.pairs import with_texts
from realign.errors import UserError
from realign.experiments.judge_check import with_labeler
from realign.labelers.base import OUTCOMES
from realign.labelers.llm_judge import docket
from realign.labelers.llm_judge.budget import in_order
from realign.labelers.llm_judge.purchase import judge
from realign.quality.pairs import passed
from realign.selection import registry
from realign.selection.select import select
from realign.store import artifacts, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import ARTIFACTS
from realign.store.ledger import Ledger
from realign.store.work import WORK, Work

COLUMNS = (
    "strategy", "train pairs", "held-out pairs", "known", "calls", "tokens", "money",
    "machine minutes", "votes", "people's minutes",
)  # fmt: skip
_CHARACTERS_A_TOKEN = 4  # of English prose; only until the judge has answered once
_VOTE_SECONDS = 30.0  # only until somebody has voted
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
    told = with_labeler(params, labeler)
    pairs, texts = _pairs(root, told)
    in_run = pairs["strategy"].isin([told.strategy, *told.audit]) | (pairs["purpose"] == "holdout")
    work = Work(root / WORK, "label")
    if probe and told.label.machine == "llm_judge":
        first = in_order(pairs["pair_id"][in_run].unique())[:probe]
        judge(
            docket.docket(texts[texts["pair_id"].isin(first)], told.label),
            work.ledger(),
            work.shared_ledger(),
        )
    ledger = Ledger(work.ledger())
    try:
        batches.merge(ledger, work.shared_ledger())
        votes = batches.read(root / ARTIFACTS["people"].path)
        judged = _judged(texts, told.label, ledger) if told.label.machine == "llm_judge" else None
        seconds = _seconds_a_call(texts, told.label, ledger) if judged is not None else None
    finally:
        ledger.close()
    rates = docket.rates(judged) if judged is not None else None
    train = pairs[pairs["purpose"] != "holdout"]
    holdout = pairs[pairs["purpose"] == "holdout"]
    wanted = {name: pd.concat([part, holdout]) for name, part in train.groupby("strategy", sort=False)}
    wanted["this run"] = pairs[in_run]
    rows = [
        _row(str(name), part, told, judged, rates, seconds, votes, _machine_minutes(root))
        for name, part in wanted.items()
    ]
    return {"columns": list(COLUMNS), "strategies": rows, "notes": _notes(told, rates, votes)}


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
            "--until pilot"
        )
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder) / WORK, "plan")  # a question leaves no gate report behind
        picked = select(
            **tables, pilot=pilot, strategies=[params.strategy, *others], known=known, options=params.select,
            seed=params.seed,
        ).pairs  # fmt: skip
        pairs = passed(picked, tables["responses"], tables["prompts"], params.validation, work).pairs
    return pairs, with_texts(pairs.drop_duplicates("pair_id"), tables["prompts"], tables["responses"])


def _pilot(root: Path) -> pd.DataFrame:
    """The labels that strategies which learn have been taught so far; none before the pilot has run."""
    path = root / ARTIFACTS["pilot"].path
    if path.is_file():
        return artifacts.read_table(path, schemas.PILOT)
    return pd.DataFrame(columns=schemas.PILOT.names)


def _judged(texts: pd.DataFrame, settings: Label, ledger: Ledger) -> pd.DataFrame:
    return docket.outlook(texts, settings, ledger).set_index("pair_id", drop=False)


def _seconds_a_call(texts: pd.DataFrame, settings: Label, ledger: Ledger) -> float | None:
    known = ledger.verdicts(docket.docket(texts, settings).brief.fingerprint, texts["pair_id"])
    return float(known["seconds"].sum() / known["calls"].sum()) if known["calls"].sum() else None


def _row(
    name: str,
    pairs: pd.DataFrame,
    params: Params,
    judged: pd.DataFrame | None,
    rates: docket.Rates | None,
    seconds: float | None,
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
    if judged is not None:
        mine = judged.loc[distinct]
        calls = int(mine["calls"].sum())
        characters = int((mine["characters"] * mine["calls"]).sum())
        tokens_in = characters * rates.tokens_a_character if rates else characters / _CHARACTERS_A_TOKEN
        tokens_out = calls * (rates.tokens_out if rates else params.label.judge.max_tokens)
        price = params.label.judge
        under_way = price.concurrency if price.server else 1
        row |= {
            "known": int((mine["within"] & (mine["calls"] == 0)).sum()),
            "calls": calls,
            "tokens": round(tokens_in + tokens_out),
            "money": (tokens_in * price.price_in + tokens_out * price.price_out) / 1e6
            if price.server
            else 0.0,
        }
        if calls:
            row["machine minutes"] = (
                None if seconds is None or after is None else after + calls * seconds / under_way / 60
            )
    if params.label.labeler == "human":
        had = _first_votes(votes).reindex(distinct, fill_value=0)
        missing = (params.label.people.min_votes - had).clip(lower=0)
        row |= {
            "known": int((missing == 0).sum()),
            "votes": int(missing.sum()),
            "people's minutes": float(missing.sum()) * _vote_seconds(votes) / 60,
        }
    if params.label.labeler == "cascade":  # who is asked depends on what the judge will say
        row |= {"votes": None, "people's minutes": None}
    return row


def _first_votes(votes: pd.DataFrame) -> pd.Series[int]:
    said = votes[(votes["kind"] == "human") & (votes["occasion"] == 0) & votes["winner"].isin(OUTCOMES)]
    return said.groupby("pair_id").size()


def _vote_seconds(votes: pd.DataFrame) -> float:
    said = votes.loc[votes["kind"] == "human", "seconds"]
    return float(said.median()) if len(said) else _VOTE_SECONDS


def _machine_minutes(root: Path) -> float | None:
    """What the stages after label took the last time, on this machine."""
    records = [root / WORK / "provenance" / f"{stage}.json" for stage in _AFTER_LABELS]
    if not all(record.is_file() for record in records):
        return None
    return sum(float(json.loads(record.read_text(encoding="utf-8"))["seconds"]) for record in records) / 60


def _notes(params: Params, rates: docket.Rates | None, votes: pd.DataFrame) -> list[str]:
    found = ["Each row is priced as if its strategy alone were run; a pair that several pick is paid once."]
    if params.label.machine == "llm_judge":
        found.append(
            f"Tokens as this judge took before: {rates.tokens_a_character:.3f} a character read, "
            f"{rates.tokens_out:.0f} an answer. Repairs of unreadable answers come on top."
            if rates
            else f"This judge has not answered yet: tokens are a guess ({_CHARACTERS_A_TOKEN} characters a token, answers "
            "as long as label.judge.max_tokens). --probe 10 buys ten pairs first and knows."
        )
    if params.label.labeler == "human":
        of = "as people took before" if len(votes) else "a guess until somebody has voted"
        found.append(f"A vote takes {_vote_seconds(votes):.0f} seconds ({of}).")
    if params.label.labeler == "cascade":
        found.append(
            "Whom people are asked about depends on what the judge will say: at least label.cascade.audit_share "
            "of the pairs."
        )
    return found
