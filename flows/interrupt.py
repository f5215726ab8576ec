"""Ctrl-C: the command ends soon, with one message, and leaves no process behind.

The terminal interrupts the whole process group, including a temporary Prefect server. Prefect's client would then
keep reporting to a dead server, and wait for it when the interpreter exits. So with a temporary server nothing is
reported: the stages are stopped, and the process ends.
"""

import logging
import os
import signal
import sys
import threading
from types import FrameType

from flows import dvc_cli

STATUS = 130
MESSAGE = "\nrealign: stopped; the same command continues from the finished rows"
_leaving = threading.Thread(target=lambda: _leave())


def install() -> None:
    """Make Ctrl-C end this command; only needed by commands that start a flow."""
    signal.signal(signal.SIGINT, _on_interrupt)


def wait_if_leaving() -> None:
    """Never returns while Ctrl-C is ending the process: errors during the shutdown are not worth reporting."""
    if _leaving.ident is not None:
        _leaving.join()


def _on_interrupt(number: int, frame: FrameType | None) -> None:
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
    print(MESSAGE, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(STATUS)  # exit handlers would wait for the dead server
