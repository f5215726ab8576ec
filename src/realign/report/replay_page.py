"""The page of a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from realign.report import charts, replay_charts
from realign.report.page import render as page
from realign.store import schemas

_SHOWN = 7  # lines in the histogram: more are not told apart


def render(result: Mapping[str, Any]) -> str:
    """The whole page of `replay.run.run`'s result, as one HTML text without script."""
    rows = result["strategies"]
    order = sorted(
        rows, key=lambda name: ((rows[name]["figures"]["label_error"] or {"value": 1})["value"], name)
    )
    told = [name for name in ("easy", "hard", "random") if name in rows]
    told += [name for name in order if name not in told][: _SHOWN - len(told)]
    histogram = pd.DataFrame(result["histogram"], columns=schemas.HISTOGRAM.names)
    values = {
        "result": result,
        "order": order,
        "charts": {
            "errors": replay_charts.label_errors(rows),
            "frontier": replay_charts.frontier(rows),
            "by_similarity": replay_charts.error_by_similarity(result["by_similarity"]),
            "histogram": charts.similarity(histogram[histogram["picks"].isin(["all", *told])]),
        },
    }
    return page(values, "replay.html")
