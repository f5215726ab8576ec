"""The environment block: set for all children, but never over what the caller set."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from realign.config import environment


@pytest.fixture
def bare(monkeypatch):
    """An environment without any of the switches."""
    for name in environment._BLOCK:
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)


def test_threads_telemetry_and_hub_are_switched_off(bare):
    environment.settle()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert set(environment._BLOCK) <= set(os.environ)


def test_what_the_caller_set_stays(bare, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    environment.settle()
    assert os.environ["OMP_NUM_THREADS"] == "8"
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_a_run_that_names_a_hub_model_leaves_the_hub_open(bare):
    environment.settle(hub=True)
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_notices_that_a_user_can_do_nothing_about_are_silent():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        environment.quiet_libraries()
        for kind in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.warn("old", kind, stacklevel=1)
        warnings.warn("odd", RuntimeWarning, stacklevel=1)
    assert [w.category for w in seen] == [RuntimeWarning]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_child_ends_when_its_parent_dies():
    child = (
        "import sys, time; from realign.config import environment; environment.die_with_parent();"
        "print('ready', flush=True); time.sleep(300)"
    )
    parent = (
        "import os, subprocess, sys;"
        f"c = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE);"
        "assert c.stdout.readline() == b'ready\\n'; print(c.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(2000):
        if not _alive(pid):
            return
        subprocess.run(["sleep", "0.05"], check=True)
    os.kill(pid, 9)
    pytest.fail("the child outlived its parent")


def _alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
