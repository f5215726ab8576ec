"""Labels between the page, the ledger and DVC: collecting votes, versioning batches, waiting for people."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from flows import dvc_cli
from realign.errors import LabelsMissing, UserError
from realign.store import artifacts, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import ARTIFACTS
from realign.store.ledger import Ledger
from realign.store.work import WORK, Work

_WAIT_SECONDS = 90 * 24 * 3600


def work(root: Path) -> Work:
    """The label stage's corner of `.work/`."""
    return Work(root / WORK, "label")


def people_folder(root: Path) -> Path:
    """Where batches of people's votes lie: an input of the label stage."""
    return root / ARTIFACTS["people"].path


def votes_file(root: Path) -> Path:
    """The page's own store of votes."""
    return work(root).queue().with_name("votes.sqlite")


def collect(root: Path, say: Callable[[str], None]) -> int:
    """Make what people did on the page since the last time a batch that DVC versions; returns its rows.

    A vote that was taken back after it had been collected becomes an abstention given now.
    """
    if not votes_file(root).is_file():
        return 0
    from realign.labelers.human.page.store import Store

    store = Store(votes_file(root))
    votes = store.votes()
    store.close()
    folder = people_folder(root)
    had = batches.read(folder)
    ours = had["annotator"].isin(votes["annotator"]) & had["fingerprint"].isin(votes["fingerprint"])
    gone = had[ours & ~had["label_id"].isin(votes["label_id"]) & (had["winner"] != "abstain")]
    gone = gone.assign(winner="abstain", p_a=0.5, given_at=_now())
    parts = [part for part in (votes, gone) if len(part)]
    path = batches.write(pd.concat(parts), folder) if parts else None
    if path is None:
        return 0
    track(root, path, say)
    return sum(len(part) for part in parts)


def export(root: Path, say: Callable[[str], None]) -> Path | None:
    """Write what the ledger bought and no batch holds as a batch that DVC versions; None if nothing is new."""
    ledger = Ledger(work(root).ledger())
    everything = ledger.everything()
    ledger.close()
    path = batches.write(everything, work(root).shared_ledger())
    if path is not None:
        track(root, path, say)
    return path


def track(root: Path, path: Path, say: Callable[[str], None]) -> None:
    """`dvc add` one batch.

    Raises:
        UserError: DVC refused; the batch itself is safe.
    """
    name = str(path.relative_to(root))
    if dvc_cli.run(root, "add", "--quiet", name, say=say):
        raise UserError(
            f"dvc add {name} failed; its own words stand above. The batch is there; add it again by hand"
        )


def wait_for_people(missing: LabelsMissing) -> None:
    """Suspend a deployed run until it is resumed; a run from a terminal stops with the message.

    A suspended run frees its worker. It is resumed by the page when the last vote is in, by the
    Prefect UI, or by hand, and then begins again: finished stages cost about a second each.

    Raises:
        LabelsMissing: this run has no deployment to come back to.
    """
    from prefect import get_run_logger
    from prefect.flow_runs import suspend_flow_run
    from prefect.runtime import deployment

    if not deployment.id:
        raise missing
    get_run_logger().warning("%s", missing)
    suspend_flow_run(timeout=_WAIT_SECONDS)


def resume_waiting() -> int:
    """Resume the runs that wait for people; returns how many. Needs PREFECT_API_URL."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateName,
    )

    with get_client(sync_client=True) as client:
        waiting = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["align"])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"]))
            ),
        )
        for run in waiting:
            client.resume_flow_run(run.id)
    return len(waiting)


def export_votes(root: Path, path: Path, to: str) -> int:
    """Write the pairs that people are asked about, with all votes so far; returns how many pairs."""
    from realign.labelers.human import exchange

    collect(root, lambda line: None)
    return exchange.write(queue(root), batches.read(people_folder(root)), path, to)


def import_votes(root: Path, path: Path, say: Callable[[str], None]) -> int:
    """Take votes from a file as a batch that DVC versions; returns how many are new."""
    from realign.labelers.human import exchange

    votes = exchange.read(path, queue(root), _now())
    folder = people_folder(root)
    had = set(batches.read(folder)["label_id"])
    batch = batches.write(votes, folder)
    if batch is not None:
        track(root, batch, say)
    return int((~votes["label_id"].isin(had)).sum())


def queue(root: Path) -> pd.DataFrame:
    """The pairs that people are asked about.

    Raises:
        UserError: there are none yet.
    """
    path = work(root).queue()
    if not path.is_file():
        raise UserError(
            "there are no pairs for people yet. Run first: realign run --set label.labeler=human (or cascade)"
        )
    return artifacts.read_table(path, schemas.QUEUE)


def resume_if_served(say: Callable[[str], None]) -> None:
    """What the page does when the last vote is in: a waiting run goes on, where a Prefect server is named."""
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        return
    try:
        resumed = resume_waiting()
    except Exception as error:  # whatever a client of another machine's server may raise: the vote is safe
        say(f"all votes are in, but {address} could not be told ({error}); resume the run in the Prefect UI")
    else:
        say(f"all votes are in; {resumed} waiting run(s) resumed at {address}")


def ledger_stats(root: Path) -> pd.DataFrame:
    """A row a labeler and annotator, over the ledger and all batches."""
    parts = [_ledger_with_batches(root), batches.read(people_folder(root))]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise UserError("the ledger is empty: no judge and no person has given a verdict yet")
    return batches.stats(pd.concat(parts, ignore_index=True))


def merge(root: Path) -> int:
    """Take the shared batches into this workspace's ledger; returns how many verdicts are new."""
    ledger = Ledger(work(root).ledger())
    new = batches.merge(ledger, work(root).shared_ledger())
    ledger.close()
    return new


def verify(root: Path) -> list[str]:
    """All faults of the batches and of the ledger itself."""
    ledger = Ledger(work(root).ledger())
    problems = [f"ledger: {problem}" for problem in batches.unsound(ledger.everything())]
    ledger.close()
    return [
        *batches.verify(people_folder(root)),
        *batches.verify(work(root).shared_ledger()),
        *problems,
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _ledger_with_batches(root: Path) -> pd.DataFrame:
    merge(root)
    ledger = Ledger(work(root).ledger())
    everything = ledger.everything()
    ledger.close()
    return everything
