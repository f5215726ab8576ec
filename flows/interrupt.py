"""How a command ends: at Ctrl-C its stages are stopped and Prefect is told; whatever happens, it ends soon."""

import logging
import os
import signal
import sys
import threading
from types import FrameType

STATUS = 130
MESSAGE = "\nrealign: stopped; the same command continues from the finished rows"


def install() -> None:
    """Make Ctrl-C end this command; only needed by commands that start a flow."""
    signal.signal(signal.SIGINT, _on_interrupt)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # the first is being heeded, which takes seconds
    logging.disable()
    raise KeyboardInterrupt


def end_within(seconds: float, status: object) -> None:
    """End the process by then, with this status: Prefect's exit handlers wait for minutes for a server that died."""

    def leave() -> None:
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
