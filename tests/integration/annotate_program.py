"""The page for people over a folder with a queue, as a program that tests can kill."""

import argparse
from pathlib import Path

from realign.config.params import People
from realign.evaluation.intervals import Resampling
from realign.labelers.human.page.serve import serve

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--people", required=True)
parser.add_argument("--min-votes", type=int, default=1)
parser.add_argument("--gold-share", type=float, default=0.0)
parser.add_argument("--repeat-share", type=float, default=0.0)
options = parser.parse_args()
settings = People(
    min_votes=options.min_votes,
    min_share=1.0,
    gold_share=options.gold_share,
    repeat_share=options.repeat_share,
    consensus="majority",
    audit=False,
)
serve(
    options.folder,
    settings,
    "127.0.0.1",
    options.port,
    options.people.split(","),
    "lead",
    Resampling(500, 0.95, seed=0),
    announce=lambda line: print(line, flush=True),
)
