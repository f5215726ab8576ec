"""A Python that has imported the heavy libraries already, from which commands are forked.

Importing torch, TRL, Great Expectations and DVC costs most of what a small stage costs, and a run is a dozen
stages. Tests start one server a session; `python -m realign...` in their workspaces is then a small client
that hands its arguments, environment, folder and streams over, and ends as the fork ends. The fork imports
realign and flows anew, from the workspace, and is killed when its client is. But it is no child of
whoever started the client: tests that kill or interrupt a run (test_killed, test_compare) use real processes.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

MODULES = ("realign.pipeline", "flows.dvc_cli", "dvc")
PRELOAD = (
    "torch", "transformers.models.llama.modeling_llama", "trl.trainer.dpo_trainer", "trl.trainer.sft_trainer", "peft",
    "great_expectations", "dvc.cli.parser", "dvc.repo", "scipy.stats", "sklearn.linear_model", "statsmodels.api",
    "matplotlib.pyplot",
)  # fmt: skip

_CLIENT = """#!{python} -IS
import os, sys
if sys.argv[1:2] != ["-m"] or not sys.argv[2].startswith({modules!r}):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
import json, signal, socket
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    words = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(words).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(words)
    pid = int.from_bytes(server.recv(4), "big")
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda number, _: os.kill(pid, number))
    sys.exit(int.from_bytes(server.recv(4) or bytes([0, 0, 0, 1]), "big"))
"""


def start(folder: Path) -> tuple[int, str]:
    """Start the server and write the client, `python`; returns the process group and the client's folder."""
    (folder / "bin").mkdir(parents=True)
    address = str(folder / "socket")
    client = folder / "bin" / "python"
    client.write_text(_CLIENT.format(python=sys.executable, modules=MODULES, address=address))
    client.chmod(0o755)
    (folder / "bin" / "sitecustomize.py").write_text(f"import sys\nsys.executable = {str(client)!r}\n")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, __file__, address], stdout=log, stderr=log, start_new_session=True
        )
    while not Path(address).exists():
        assert server.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    return server.pid, str(folder / "bin")


def _serve(address: str) -> None:
    from realign.config import environment

    environment.settle()
    for name in PRELOAD:
        __import__(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("realign", "flows")]:
        del sys.modules[name]
    assert threading.active_count() == 1, threading.enumerate()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address + ".new")
        listener.listen(64)
        Path(address + ".new").rename(address)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _supervise(client)
            client.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _supervise(client: socket.socket) -> None:
    """Fork the command, and say its process id and how it ended."""
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    words = b""
    while len(words) < int.from_bytes(size, "big"):
        words += client.recv(1 << 20)
    pid = os.fork()
    if pid == 0:
        client.close()
        _run(*json.loads(words), streams=streams)
    client.sendall(pid.to_bytes(4, "big"))
    if client in select.select([client, os.pidfd_open(pid)], [], [])[0]:  # the client is gone
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        client.sendall((status if status >= 0 else 128 - status).to_bytes(4, "big"))
    os._exit(0)


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Become `python -m` of these arguments."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [folder, *environment.get("PYTHONPATH", "").split(os.pathsep)]
    sys.argv = arguments
    status = 0
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
