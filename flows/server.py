"""Prefect's server: the team's, at the address in Prefect's settings, or a temporary one for this command alone.

The temporary server is started here rather than by Prefect, so that nothing it says reaches the terminal, Ctrl-C leaves it
alone until the flow has reported to it, and it ends with this process however that ends.
"""

import atexit
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from realign.config import environment
from realign.errors import UserError

_START_SECONDS = 180  # a busy machine
_ANSWER_SECONDS = 20
_STOP_SECONDS = 10
MEND = "Is it up, and does its address end in /api? prefect server start, or unset PREFECT_API_URL"


def address() -> str | None:
    """The address of the team's server, in PREFECT_API_URL or Prefect's profile; None where there is none."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or None


def check(where: str) -> str:
    """The address without credentials, if a Prefect server answers there.

    Raises:
        UserError: it does not.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    seen = without_credentials(where)
    try:
        with (
            temporary_settings({PREFECT_API_URL: where, PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": _ANSWER_SECONDS}, sync_client=True) as client,
        ):
            client.read_flows(limit=1)
    except httpx.HTTPStatusError as error:
        reason = f"HTTP status {error.response.status_code}"
    except (
        Exception
    ) as error:  # whatever a client may raise of a server that is not there, or is another program
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(where, seen)
    else:
        return seen
    raise UserError(f"no Prefect server answers at {seen} ({reason}). {MEND}", code="server.unreachable")


def without_credentials(where: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", where)


@contextmanager
def ready() -> Iterator[None]:
    """A server for the flows that run inside.

    Raises:
        UserError: none answers or none can be started; or it went away meanwhile.
    """
    where = address()
    if where:
        check(where)
    else:
        from prefect.context import refresh_global_settings_context

        where, stop = start()
        runs = logging.getLogger("prefect.flow_runs")
        runs.addFilter(lambda record: not record.getMessage().startswith("View at "))  # it will be gone
        atexit.register(stop)  # after Prefect's own exit handlers, which report the last events
        os.environ["PREFECT_API_URL"] = where
        refresh_global_settings_context()
    try:
        yield
    except UserError:
        raise
    except Exception:
        try:
            check(where)
        except UserError as gone:
            raise UserError(
                f"the Prefect server went away during the run: {gone}. What was finished is kept; the same command "
                "continues from there",
                code="server.lost",
            ) from None
        raise


def start(**settings: str) -> tuple[str, Callable[[], None]]:
    """Start a temporary server, with these settings in its environment; gives its address, and what stops it.

    Raises:
        UserError: it ended while it started.
    """
    import httpx

    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile() as log:
        where = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            env={**os.environ, **settings, "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        listener.close()  # else a request to a server that ended would wait for it
        try:
            httpx.get(f"{where}/health", timeout=_START_SECONDS).raise_for_status()
        except KeyboardInterrupt:
            process.kill()  # one that is still starting would first start
            raise
        except httpx.HTTPError as error:
            _stop(process)
            log.seek(0)
            said = log.read().decode("utf-8", "replace").strip().splitlines() or [str(error)]
            raise UserError(
                f"Prefect's temporary server does not start: {said[-1]}. Run make setup again: Prefect 3.8 needs "
                "fastapi<0.151 and sqlalchemy<2.1",
                code="server.not_started",
            ) from None
    return where, partial(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server after the flow's last report, and wait for its end."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Prefect's server on a socket that the parent process listens on; it ends when that process does."""
    environment.die_with_parent()
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        lifespan="on",
        log_level="error",
        timeout_graceful_shutdown=_STOP_SECONDS // 2,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
