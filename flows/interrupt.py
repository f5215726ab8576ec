"""Ctrl-C: the command ends soon, says so once, and leaves no process behind.

The terminal interrupts the whole process group, a temporary Prefect server among it. Prefect's client would then
tell a dead server what became of the run, at length, and wait for it when the interpreter exits. So where there is
no other server nobody is told: stages are stopped, and the process ends.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

from flows import dvc_cli

STATUS = 130
WORDS = "\nrealign: stopped; the same command goes on from the finished rows"
_leaving = threading.Thread(target=lambda: _leave())


def install() -> None:
    """Have Ctrl-C end this command: for those that start a flow; others have no server and end by themselves."""
    signal.signal(signal.SIGINT, _note)


def wait_if_leaving() -> None:
    """Whatever fails while a person stops the command is no news: returns only if nobody does."""
    if _leaving.ident is not None:
        _leaving.join()


def _note(number: int, frame: FrameType | None) -> None:
    if os.environ.get("PREFECT_API_URL"):
        signal.default_int_handler(number, frame)
    if _leaving.ident is None:
        logging.disable()
        _leaving.start()


def _leave() -> None:
    import psutil

    dvc_cli.stop_all()
    for child in psutil.Process().children():
        child.terminate()
    print(WORDS, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(STATUS)  # exit handlers would wait for the server that is gone
