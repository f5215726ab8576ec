"""Waiting for people's votes: a deployed run suspends and the page resumes it; a run from a terminal ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import State
from prefect.flow_runs import suspend_flow_run
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled

from realign.errors import LabelsMissing

WAITING = "Waiting for people"
_WAIT_SECONDS = 90 * 24 * 3600


def waiting(missing: LabelsMissing) -> State[Any]:
    """The state in which a task or flow ends that waits for people: it did not fail."""
    return Cancelled(name=WAITING, message=str(missing))


def result(state: Any) -> Any:
    """What a task or flow that ended in this state returned.

    Raises:
        LabelsMissing: it waits for people.
        Exception: what it raised.
    """
    if state.name == WAITING:
        raise LabelsMissing(state.message or "", code="run.waiting_for_people")
    return state.result()


def wait(root: Path, missing: LabelsMissing) -> State[Any]:
    """Suspend a deployed run until it is resumed; the state in which one from a terminal ends.

    A suspended run frees its worker. It is resumed by the page when the last vote is in, in the
    Prefect UI, or by hand. It then starts over: finished stages cost about a second each.
    """
    if deployment.id:
        get_run_logger().warning("%s", missing)
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, tags={*flow_run.tags, _tag(root)})
        suspend_flow_run(timeout=_WAIT_SECONDS)
    return waiting(missing)


def resume(root: Path) -> int:
    """Resume this project's suspended runs; returns how many."""
    with get_client(sync_client=True) as client:
        suspended = client.read_flow_runs(
            flow_run_filter=filters.FlowRunFilter(
                state=filters.FlowRunFilterState(name=filters.FlowRunFilterStateName(any_=["Suspended"])),
                tags=filters.FlowRunFilterTags(all_=[_tag(root)]),
            )
        )
        for run in suspended:
            client.resume_flow_run(run.id)
    return len(suspended)


def resume_if_served(root: Path, say: Callable[[str], None]) -> None:
    """Resume this project's suspended runs when the last vote is in, if a Prefect server is configured."""
    from flows import server

    address = server.address()
    if not address:
        return
    address = server.without_credentials(address)
    try:
        resumed = resume(root)
    except Exception as error:  # whatever the client of a remote server may raise: the vote is safe
        say(
            f"all votes are in, but {address} could not be reached ({error}); resume the run in the Prefect UI"
        )
    else:
        say(f"all votes are in; {resumed} waiting run(s) resumed at {address}")


def _tag(root: Path) -> str:
    return f"project:{root.resolve()}"
