"""The overview's pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from realign.drawing import INKS, svg


def agreement(people: pd.DataFrame) -> str:
    """Each person's agreement with the consensus and with known answers, with intervals.

    Args:
        people: annotator, agreement, agreement_low, agreement_high, gold, gold_low, gold_high.
    """
    rows = people[people["votes"] > 0].reset_index(drop=True)
    kinds = (
        ("agreement", "with the consensus", "o", INKS[0], 0.12),
        ("gold", "with known answers", "s", INKS[1], -0.12),
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        for column, label, mark, ink, shift in kinds:
            there = rows[column].notna().to_numpy()
            if there.any():
                value, low, high = (
                    rows.loc[there, c].astype(float) for c in (column, f"{column}_low", f"{column}_high")
                )
                axes.errorbar(
                    value, places[there] + shift, xerr=[value - low, high - value],
                    fmt=mark, color=ink, capsize=4, label=label,
                )  # fmt: skip
        axes.set_yticks(places, rows["annotator"])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("share of answers that agree")
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside upper left", ncols=2)

    return svg(draw, "agreement", height=1.3 + 0.5 * len(rows))


def time(votes: pd.DataFrame) -> str:
    """How long each person looks at a pair: quartiles as a box, the middle 90 % as whiskers.

    Args:
        votes: annotator, seconds.
    """
    parts = {str(name): part["seconds"].to_numpy() for name, part in votes.groupby("annotator", sort=True)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if parts:
            axes.boxplot(
                list(parts.values())[::-1], tick_labels=list(parts)[::-1], orientation="horizontal", whis=(5, 95),
                showfliers=False, medianprops={"color": INKS[1], "linewidth": 2}, boxprops={"color": INKS[0]},
            )  # fmt: skip
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds a pair")

    return svg(draw, "time", height=1.1 + 0.5 * len(parts))
