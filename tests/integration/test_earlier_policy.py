"""The adapter of a finished run says which pairs the next one labels, as docs/operations.md tells it."""

from itertools import combinations
from pathlib import Path

import pytest
from workspace import Workspace

from flows import project as projects
from flows import settings
from realign.store import schemas
from realign.store.artifacts import ARTIFACTS, read_table

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

ASKED = (
    "strategy=implicit_margin", "audit=[implicit_margin_small]", "rewards.reward=adapter",
    "rewards.adapter=models/previous",
)  # fmt: skip


def test_last_weeks_policy_picks_this_weeks_pairs(finished: Workspace, tmp_path: Path) -> None:
    assert read_table(finished.root / ARTIFACTS["rewards"].path, schemas.REWARDS).empty
    project = finished.copy(tmp_path / "project")
    root = project.root
    line = ("get", ".", "models/adapter", "--rev", "HEAD", "--out", "models/previous", "--force")
    assert project.dvc(*line).returncode == 0
    assert project.dvc("add", "models/previous").returncode == 0
    settings.write(root, None, ASKED)
    projects.check(root)
    done = project.dvc("repro", "-q", "-s", "rewards", "select")
    assert done.returncode == 0, done.stdout[-3000:]

    prompts, responses, rewards, pairs = (
        read_table(root / ARTIFACTS[name].path, table)
        for name in ("prompts", "responses", "rewards", "pairs")
        if (table := ARTIFACTS[name].table)
    )
    train = set(prompts.query("split == 'train'")["prompt_id"])
    mine = responses[responses["prompt_id"].isin(train)]
    assert set(rewards["response_id"]) == set(mine["response_id"])
    assert (rewards["policy_logprob"] - rewards["reference_logprob"]).equals(rewards["reward"])
    reward = rewards.set_index("response_id")["reward"]
    gaps = {
        prompt: [abs(reward[a] - reward[b]) for a, b in combinations(part["response_id"], 2)]
        for prompt, part in mine.groupby("prompt_id")
    }
    for purpose, extreme in (("train", max), ("audit", min)):
        picked = pairs[pairs["purpose"] == purpose]
        assert len(picked) > 50
        for row in picked.itertuples():
            gap = abs(reward[row.response_a] - reward[row.response_b])
            assert gap == pytest.approx(extreme(gaps[row.prompt_id]), abs=2e-6)
