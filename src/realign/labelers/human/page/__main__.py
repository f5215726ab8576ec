"""`python -m realign.labelers.human.page`: the page alone, without a project."""

import argparse
import sys
from pathlib import Path

from realign.config.params import People
from realign.errors import UserError
from realign.evaluation.intervals import Resampling
from realign.labelers.human.page.serve import serve


def main() -> int:
    """Serve a folder that holds queue.parquet; exit status 2 for an error that the user can fix."""
    parser = argparse.ArgumentParser(prog="python -m realign.labelers.human.page", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".work/people"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--people", default="", help="names, separated by commas")
    parser.add_argument("--lead", default="lead")
    parser.add_argument("--min-votes", type=int, default=1)
    parser.add_argument("--gold-share", type=float, default=0.0)
    parser.add_argument("--repeat-share", type=float, default=0.0)
    parser.add_argument("--confidence", type=float, default=0.95, help="of the overview's intervals")
    parser.add_argument(
        "--resamples", type=int, default=500, help="bootstrap samples of the overview's intervals"
    )
    options = parser.parse_args()
    people = People(
        min_votes=options.min_votes,
        min_share=1.0,
        gold_share=options.gold_share,
        repeat_share=options.repeat_share,
        consensus="majority",
    )
    names = [name.strip() for name in options.people.split(",") if name.strip()]
    try:
        serve(
            options.folder, people, options.host, options.port, names, options.lead,
            Resampling(options.resamples, options.confidence, seed=0),
            announce=lambda line: print(line, flush=True),
            on_done=lambda: print("all votes are in", flush=True),
        )  # fmt: skip
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
