"""How much of what a judge server's latency allows is reached, and what it takes of a core.

    OMP_NUM_THREADS=1 python bench/judge_throughput.py --pairs 2000 --concurrency 32 --latency 0.2

It starts the fake judge of the tests on loopback, so the figure holds for this client on this machine. With
--faults the server misbehaves as in the tests; then time is lost to it, and only the sales matter.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from synthetic.fake_judge_server import Running
from synthetic.judge_builders import label, pairs, request

from realign.errors import UserError
from realign.labelers.llm_judge.labeler import label as llm_judge

_FAULTS = {"429": 0.02, "500": 0.02, "hang": 0.002, "drip": 0.002, "truncated": 0.01, "wrong_type": 0.01,
           "garbage": 0.01, "reset": 0.01, "nonsense": 0.03}  # fmt: skip


def measure(count: int, at_once: int, latency: float, faults: bool) -> dict[str, object]:
    """Label so many pairs in both orders, once without anything known, and once more."""
    with tempfile.TemporaryDirectory() as folder, \
         Running(Path(folder), latency=latency, rates=_FAULTS if faults else {}) as server:  # fmt: skip
        settings = label(server.url, concurrency=at_once, timeout=1.0 + latency)
        llm_judge(request(Path(folder), pairs(1, count), settings))  # what is imported once
        asked, before = request(Path(folder), pairs(count), settings), server.counts()
        began, used = time.monotonic(), time.process_time()
        found = llm_judge(asked)
        seconds, used = time.monotonic() - began, time.process_time() - used
        counts = server.counts()
        llm_judge(asked)
        again = server.counts()["sold"] - counts["sold"]
    return {
        "pairs": count,
        "calls": 2 * count,
        "seconds": round(seconds, 2),
        "calls_a_second": round(2 * count / seconds, 1),
        "share_of_what_the_latency_allows": round(2 * count * latency / at_once / seconds, 3),
        "cores_of_the_client": round(used / seconds, 2),
        "cores_of_the_server": round(
            (counts["processor_seconds"] - before["processor_seconds"]) / seconds, 2
        ),
        "orders_sold": counts["orders"] - before["orders"],
        "orders_sold_twice": counts["sold_twice"],
        "sold_again_in_a_second_run": again,
        "faults": counts["faults"],
        "labels": found.facts["judge"]["labels"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--faults", action="store_true")
    args = parser.parse_args()
    try:
        print(json.dumps(measure(args.pairs, args.concurrency, args.latency, args.faults), indent=2))
    except UserError as error:
        sys.exit(str(error))
