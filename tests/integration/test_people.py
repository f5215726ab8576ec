"""People in the flow: a run stops or suspends for them, and the same run goes on when they have voted."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pandas as pd
import prefect_server
import pytest
from workspace import Workspace, stages_run

from realign.config.params import People
from realign.labelers.human.page.store import Store
from realign.store import artifacts, schemas

pytestmark = pytest.mark.integration

HUMAN = ("--set", "label.labeler=human", "--set", "audit=[]", "--set", "label.people.min_votes=2")
PEOPLE = People(
    min_votes=2, min_share=1.0, gold_share=0.0, repeat_share=0.0, consensus="majority", audit=False
)


def vote_on_everything(project: Workspace) -> int:
    """Ann and Ben say that the longer response is better, of every pair that is asked about."""
    folder = project.root / "data" / "labels" / "local"
    queue = artifacts.read_table(folder / "queue.parquet", schemas.QUEUE)
    store = Store(folder / "votes.sqlite")
    store.publish(queue)
    for person in ("ann", "ben"):
        store.invite(person, "annotator", f"token of {person}")
        while (shown := store.next(person, PEOPLE)) is not None:
            store.vote(person, shown.showing, "left" if len(shown.left) >= len(shown.right) else "right")
    assert store.missing(PEOPLE) == 0
    store.close()
    return len(queue)


def test_a_deployed_run_suspends_for_people_and_goes_on_when_they_voted(
    finished: Workspace, server: str, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    stopped = project.realign("run", *HUMAN)
    assert stopped.returncode == 2, stopped.stdout[-2000:]
    assert "votes are missing on" in stopped.stdout and "realign label" in stopped.stdout
    assert "Traceback" not in stopped.stdout and "Failed" not in stopped.stdout
    assert stopped.stdout.count("votes are missing on") == 1
    assert not (project.root / "data" / "preferences.parquet").exists()

    project.environment = {"PREFECT_API_URL": server}
    serving = project.start("serve", "--cron", "0 3 1 1 *")
    try:
        deployment = _until(lambda: prefect_server.call(server, "/deployments/filter", {}))[0]
        _until(lambda: prefect_server.call(server, f"/deployments/{deployment['id']}/create_flow_run", {}))
        _until(lambda: [run for run in prefect_server.runs(server) if run["state_name"] == "Suspended"])
        pairs = vote_on_everything(project)
        resumed = project.run(
            "python",
            "-c",
            "from pathlib import Path; from flows import waiting\n"
            "print('elsewhere', waiting.resume(Path('..'))); print('resumed', waiting.resume(Path('.')))",
        )
        assert "elsewhere 0" in resumed.stdout and "resumed 1" in resumed.stdout, resumed.stdout
        _until(lambda: [run for run in prefect_server.runs(server) if run["state_type"] == "COMPLETED"])
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(30)

    (batch,) = (project.root / "data" / "labels" / "people").glob("*.parquet")
    assert batch.with_suffix(".parquet.dvc").is_file()
    assert len(pd.read_parquet(batch)) == 2 * pairs
    labels = pd.read_parquet(project.root / "data" / "labels.parquet")
    assert set(labels["labeler"]) == {"human (majority)"} and set(labels["winner"]) <= {"a", "b"}
    facts = artifacts.read_json(project.root / "reports" / "labeling.json")
    assert facts["people"]["annotators"] == 2 and facts["people"]["alpha"]["value"] == 1.0
    project.environment = {}
    assert stages_run(project.realign("run").stdout) == []


def _until(ask, seconds: float = 600):  # type: ignore[no-untyped-def]
    """What `ask` gives once it gives anything."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(HTTPError):  # a busy server answers 503
            if found := ask():
                return found
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(1)
