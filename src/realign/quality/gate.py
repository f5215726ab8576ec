"""Run a suite over a table: bad rows are named, a bad table stops the stage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from realign.errors import ValidationFailed, listing
from realign.store import artifacts
from realign.store.artifacts import Json
from realign.store.work import Work

_SHOWN = 5


@dataclass(frozen=True)
class Check:
    """One expectation and what its failure means.

    Attributes:
        reason: short code; for row checks the quarantine's reason.
        expectation: a Great Expectations expectation.
        mend: what a person can do about it.
    """

    reason: str
    expectation: Any
    mend: str


@dataclass(frozen=True)
class Suite:
    """Checks over one table.

    Attributes:
        name: of the gate.
        key: column that names a row.
        whole: checks of the table as it came; one failure refuses it.
        rows: checks whose failing rows are set aside.
        rest: checks of what is left then; one failure refuses the table.
    """

    name: str
    key: str
    whole: Sequence[Check]
    rows: Sequence[Check]
    rest: Sequence[Check]


@dataclass(frozen=True)
class Verdict:
    """What a gate found.

    Attributes:
        failed: per row check, the keys of failing rows, first reason only.
        summary: success and figure per expectation; the same content gives the same bytes.
    """

    failed: dict[str, str]
    summary: Json


def check(frame: pd.DataFrame, suite: Suite, binding: pd.Series, work: Work, docs: bool = True) -> Verdict:
    """Run a suite; Data Docs are rebuilt, whatever the outcome.

    Args:
        frame: the table with the columns that the suite names; `suite.key` is unique.
        suite: the checks.
        binding: boolean, which rows the table checks speak of (audit picks cannot stop a run).
        work: where stores, failure reports and docs go.
        docs: False keeps no stores and builds no Data Docs, for gates that stand side by side.

    Raises:
        ValidationFailed: a table check failed; names expectation, figure, first rows and the mend.
    """
    context = _context(work if docs else None)
    failed: dict[str, str] = {}
    summary: list[Json] = []
    broken: list[str] = []

    def look(
        level: str, checks: Sequence[Check], table: pd.DataFrame
    ) -> Iterator[tuple[Check, Json, list[str]]]:
        results = _validate(context, f"{suite.name}-{level}", table, suite, checks) if checks else []
        for one, result in zip(checks, results, strict=True):
            bad = _bad(result, suite)
            summary.append(_line(level, one, result, len(bad)))
            yield one, result, bad

    for one, _, bad in look("rows", suite.rows, frame):
        failed |= {key: one.reason for key in bad if key not in failed}
    binds = binding.to_numpy()
    left = frame[binds & ~frame[suite.key].isin(list(failed)).to_numpy()]
    for level, checks, table in (("whole", suite.whole, frame[binds]), ("rest", suite.rest, left)):
        for one, result, bad in look(level, checks, table):
            if not result["success"]:
                broken.append(_sentence(one, result, table, bad))
    if docs:
        _publish(context, work)
    content = {
        "gate": suite.name,
        "success": not broken,
        "rows": len(frame),
        "expectations": summary,
    }
    if broken:
        report = work.failures() / f"{suite.name}.json"
        artifacts.write_json(report, content | {"failed_rows": dict(sorted(failed.items()))})
        reasons = pd.Series(failed, dtype="str").value_counts()
        if len(reasons):
            aside = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            broken.append(f"set aside before: {aside}")
        place = report.relative_to(work.failures().parent.parent)
        raise ValidationFailed(listing(f"the {suite.name} gate refused the table (report: {place}):", broken))
    (work.failures() / f"{suite.name}.json").unlink(missing_ok=True)
    return Verdict(failed, content)


def failing(frame: pd.DataFrame, suite: Suite) -> dict[str, str]:
    """The row checks alone, of pairs that nobody picked yet: the first reason of each row that fails, by its key."""
    results = _validate(_context(None), f"{suite.name}-rows", frame, suite, suite.rows)
    failed: dict[str, str] = {}
    for one, result in zip(suite.rows, results, strict=True):
        failed |= {key: one.reason for key in _bad(result, suite) if key not in failed}
    return failed


def _bad(result: Json, suite: Suite) -> list[str]:
    """The keys of the rows that failed an expectation."""
    return [str(row[suite.key]) for row in result["result"].get("unexpected_index_list") or []]


def _context(work: Work | None) -> Any:
    """Great Expectations with its stores in the work folder, or in memory where there is none."""
    import great_expectations as gx

    if work is None:
        context = gx.get_context(mode="ephemeral")
    else:
        context = gx.get_context(mode="file", project_root_dir=work.gates())
    context.variables.progress_bars = {"globally": False}
    return context


def _validate(
    context: Any, name: str, frame: pd.DataFrame, suite: Suite, checks: Sequence[Check]
) -> list[Json]:
    import great_expectations as gx

    asset = context.data_sources.add_or_update_pandas(name).add_dataframe_asset(suite.name)
    expectations = context.suites.add_or_update(gx.ExpectationSuite(name))
    for one in checks:
        expectations.add_expectation(one.expectation)
    expectations.save()
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(
            name=name, data=asset.add_batch_definition_whole_dataframe("all"), suite=expectations
        )
    )
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [suite.key],
            },
        )
    )
    run = checkpoint.run(batch_parameters={"dataframe": frame})
    by_type = {
        _identity(r["expectation_config"]): r
        for r in next(iter(run.run_results.values())).to_json_dict()["results"]
    }
    return [
        by_type[
            _identity(
                {
                    "type": one.expectation.expectation_type,
                    "kwargs": one.expectation.configuration.kwargs,
                }
            )
        ]
        for one in checks
    ]


def _identity(config: Json) -> str:
    kwargs = {k: v for k, v in config["kwargs"].items() if k != "batch_id" and v is not None}
    return f"{config['type']} {sorted(kwargs.items(), key=lambda item: item[0])}"


def _publish(context: Any, work: Work) -> None:
    context.build_data_docs()
    site = work.gates() / "gx" / "uncommitted" / "data_docs" / "local_site"
    shutil.copytree(site, work.docs(), dirs_exist_ok=True)


def _line(level: str, one: Check, result: Json, bad: int) -> Json:
    observed = result["result"].get("observed_value")
    return {
        "level": level,
        "reason": one.reason,
        "expectation": _words(one),
        "success": bool(result["success"]),
        "failing_rows": bad,
        "observed": round(float(observed), 6) if isinstance(observed, int | float) else observed,
    }


def _words(one: Check) -> str:
    kwargs = {
        k: v for k, v in one.expectation.configuration.kwargs.items() if v is not None and k != "batch_id"
    }
    return f"{one.expectation.expectation_type}({', '.join(f'{k}={v!r}' for k, v in sorted(kwargs.items()))})"


def _sentence(one: Check, result: Json, table: pd.DataFrame, bad: Sequence[str]) -> str:
    observed = result["result"].get("observed_value")
    trouble = (result.get("exception_info") or {}).get("exception_message")
    figure = f"{len(bad)} of {len(table)} rows" if bad else f"found {observed}"
    rows = f"; first rows: {', '.join(bad[:_SHOWN])}" if bad else ""
    return f"{one.reason}: {_words(one)}: {trouble or figure}{rows}. {one.mend}"
