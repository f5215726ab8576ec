"""Put on a run's PYTHONPATH: every Python process writes down where it connects or whom it looks up."""

import os
import sys


def _watch(event, arguments):
    if event == "socket.connect":
        target = arguments[1]
    elif event == "socket.getaddrinfo":
        target = arguments[0]
    else:
        return
    with open(os.environ["REALIGN_CONNECTION_LOG"], "a") as log:  # noqa: PTH123 (pathlib may not be loadable yet)
        log.write(f"{event} {target!r} {sys.argv[:3]}\n")


if "REALIGN_CONNECTION_LOG" in os.environ:
    sys.addaudithook(_watch)
