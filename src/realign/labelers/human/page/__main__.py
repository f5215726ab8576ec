"""`python -m realign.labelers.human.page`: the page alone, without a project around it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from realign.config.params import People
from realign.errors import UserError
from realign.labelers.human.page.serve import serve


def main() -> int:
    """Serve a folder that holds queue.parquet; 2 for a problem that a person can mend."""
    parser = argparse.ArgumentParser(prog="python -m realign.labelers.human.page", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".work/people"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--people", default="", help="names, with commas between them")
    parser.add_argument("--lead", default="lead")
    parser.add_argument("--min-votes", type=int, default=1)
    parser.add_argument("--gold-share", type=float, default=0.0)
    parser.add_argument("--repeat-share", type=float, default=0.0)
    given = parser.parse_args()
    people = People(
        min_votes=given.min_votes,
        min_share=1.0,
        gold_share=given.gold_share,
        repeat_share=given.repeat_share,
        consensus="majority",
    )
    names = [name.strip() for name in given.people.split(",") if name.strip()]
    try:
        serve(
            given.folder, people, given.host, given.port, names, given.lead,
            announce=lambda line: print(line, flush=True),
            on_done=lambda: print("all votes are there", flush=True),
        )  # fmt: skip
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
