"""Run a suite over a table: bad rows are named, a bad table stops the stage."""

import shutil
from collections.abc import Sequence
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
        reason: short code; of a row check the quarantine's reason.
        expectation: a Great Expectations expectation.
        fix: what a person can do about it.
    """

    reason: str
    expectation: Any
    fix: str = ""


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
class GateResult:
    """What a gate measured on a table that it let through.

    Attributes:
        failed: the rows to set aside: the first reason of each, by key.
        summary: success and figure of each expectation; the same content gives the same bytes.
    """

    failed: dict[str, str]
    summary: Json


@dataclass(frozen=True)
class _Result:
    """A check, Great Expectations' result of it, and the keys of the rows that failed."""

    level: str
    check: Check
    result: Json
    failing: list[str]
    rows: int


def check(frame: pd.DataFrame, suite: Suite, binding: pd.Series, work: Work, docs: bool = True) -> GateResult:
    """Run a suite, and rebuild Data Docs whatever its outcome.

    Args:
        frame: the table with the columns that the suite names; `suite.key` is unique.
        suite: the checks.
        binding: boolean, the rows that table checks count: audit picks cannot stop a run.
        work: where stores, failure reports and docs go.
        docs: False keeps no stores and builds no Data Docs, for gates that run at the same time.

    Raises:
        ValidationFailed: a table check failed; names expectation, figure, first rows and the fix.
    """
    context = _context(work if docs else None)
    counted = frame[binding.to_numpy()]
    rows = _results(context, suite, "rows", frame)
    failed = _first_reasons(rows)
    left = counted[~counted[suite.key].isin(list(failed))]
    table = [*_results(context, suite, "whole", counted), *_results(context, suite, "rest", left)]
    broken = [one for one in table if not one.result["success"]]
    if docs:
        _publish(context, work)
    summary = {
        "gate": suite.name,
        "success": not broken,
        "rows": len(frame),
        "expectations": [_line(one) for one in (*rows, *table)],
    }
    report = work.failures() / f"{suite.name}.json"
    if broken:
        artifacts.write_json(report, summary | {"failed_rows": dict(sorted(failed.items()))})
        place = report.relative_to(work.failures().parent.parent)
        head = f"the {suite.name} gate refused the table (report: {place}):"
        raise ValidationFailed(
            listing(head, [*map(_sentence, broken), *_set_aside(failed)]), code=f"gate.{suite.name}"
        )
    report.unlink(missing_ok=True)
    return GateResult(failed, summary)


def failing(frame: pd.DataFrame, suite: Suite) -> dict[str, str]:
    """The row checks alone, for pairs that may still be picked: the first reason of each failing row, by its key."""
    return _first_reasons(_results(_context(None), suite, "rows", frame))


def _first_reasons(results: Sequence[_Result]) -> dict[str, str]:
    return {key: one.check.reason for one in reversed(results) for key in one.failing}


def _set_aside(failed: dict[str, str]) -> list[str]:
    counts = pd.Series(failed, dtype="str").value_counts()
    words = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return [f"set aside before: {words}"] if words else []


def _context(work: Work | None) -> Any:
    """Great Expectations with its stores in the work folder, or in memory where there is none."""
    import great_expectations as gx

    if work is None:
        context = gx.get_context(mode="ephemeral")
    else:
        context = gx.get_context(mode="file", project_root_dir=work.gates())
    context.variables.progress_bars = {"globally": False}
    return context


def _results(context: Any, suite: Suite, level: str, frame: pd.DataFrame) -> list[_Result]:
    """Validate a table with the checks of one level, in their order."""
    import great_expectations as gx

    checks: Sequence[Check] = getattr(suite, level)
    if not checks:
        return []
    name = f"{suite.name}-{level}"
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
    results = next(iter(run.run_results.values())).to_json_dict()["results"]
    # Great Expectations gives them in an order of its own.
    by_words = {
        _words(r["expectation_config"]["type"], r["expectation_config"]["kwargs"]): r for r in results
    }
    found = []
    for one in checks:
        result = by_words[_described(one)]
        rows = result["result"].get("unexpected_index_list") or []
        found.append(_Result(level, one, result, [str(row[suite.key]) for row in rows], len(frame)))
    return found


def _publish(context: Any, work: Work) -> None:
    context.build_data_docs()
    site = work.gates() / "gx" / "uncommitted" / "data_docs" / "local_site"
    shutil.copytree(site, work.docs(), dirs_exist_ok=True)


def _line(one: _Result) -> Json:
    observed = one.result["result"].get("observed_value")
    return {
        "level": one.level,
        "reason": one.check.reason,
        "expectation": _described(one.check),
        "success": bool(one.result["success"]),
        "failing_rows": len(one.failing),
        "observed": round(float(observed), 6) if isinstance(observed, int | float) else observed,
    }


def _described(check: Check) -> str:
    return _words(check.expectation.expectation_type, check.expectation.configuration.kwargs)


def _words(kind: str, arguments: Json) -> str:
    given = sorted(
        (key, value) for key, value in arguments.items() if key != "batch_id" and value is not None
    )
    return f"{kind}({', '.join(f'{key}={value!r}' for key, value in given)})"


def _sentence(one: _Result) -> str:
    observed = one.result["result"].get("observed_value")
    trouble = (one.result.get("exception_info") or {}).get("exception_message")
    figure = f"{len(one.failing)} of {one.rows} rows" if one.failing else f"found {observed}"
    rows = f"; first rows: {', '.join(one.failing[:_SHOWN])}" if one.failing else ""
    return f"{one.check.reason}: {_described(one.check)}: {trouble or figure}{rows}. {one.check.fix}"
