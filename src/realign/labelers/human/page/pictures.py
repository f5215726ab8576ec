"""The charts of the overview."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from realign.plotting import COLORS, spread, svg


def agreement(people: pd.DataFrame) -> str:
    """Each person's agreement with the consensus and with known answers, with intervals.

    Args:
        people: annotator, agreement, agreement_low, agreement_high, gold, gold_low, gold_high.
    """
    rows = people[people["votes"] > 0].reset_index(drop=True)
    kinds = (
        ("agreement", "with the consensus", "o", COLORS[0], 0.12),
        ("gold", "with known answers", "s", COLORS[1], -0.12),
    )

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        for column, label, marker, color, shift in kinds:
            known = rows[column].notna().to_numpy()
            if known.any():
                names = {column: "value", f"{column}_low": "low", f"{column}_high": "high"}
                values, distances = spread(
                    rows[known].rename(columns=names)[list(names.values())].to_dict("records")
                )
                axes.errorbar(
                    values,
                    places[known] + shift,
                    xerr=distances,
                    fmt=marker,
                    color=color,
                    capsize=4,
                    label=label,
                )
        axes.set_yticks(places, rows["annotator"])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("share of answers that agree")
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside upper left", ncols=2)

    return svg(plot, "agreement", height=1.3 + 0.5 * len(rows))


def time(votes: pd.DataFrame) -> str:
    """Each person's time a pair: quartiles as a box, the middle 90 % as whiskers.

    Args:
        votes: annotator, seconds.
    """
    parts = {str(name): part["seconds"].to_numpy() for name, part in votes.groupby("annotator", sort=True)}

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        if parts:
            axes.boxplot(
                list(parts.values())[::-1], tick_labels=list(parts)[::-1], orientation="horizontal", whis=(5, 95),
                showfliers=False, medianprops={"color": COLORS[1], "linewidth": 2}, boxprops={"color": COLORS[0]},
            )  # fmt: skip
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds per pair")

    return svg(plot, "time", height=1.1 + 0.5 * len(parts))
