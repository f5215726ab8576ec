"""The server: invites people, publishes the batch, and serves the pages until interrupted."""

import contextlib
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from realign.config.params import People
from realign.errors import UserError, listing
from realign.evaluation.intervals import Resampling
from realign.labelers.human.page import access
from realign.labelers.human.page.app import LOOPBACK, create_app
from realign.labelers.human.page.store import Store
from realign.store import artifacts
from realign.store.schemas import QUEUE

_LONGEST_NAME = 40


def serve(
    folder: Path,
    people: People,
    host: str,
    port: int,
    names: Sequence[str],
    lead: str,
    how: Resampling,
    announce: Callable[[str], None],
    on_done: Callable[[], None] | None = None,
    hosts: Sequence[str] = (),
) -> None:
    """Serve the page until interrupted. A person keeps their link as long as `folder/secret` stays.

    Args:
        folder: holds queue.parquet; votes.sqlite and secret are created there.
        people: the settings.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        names: who may vote. Links of people who are no longer named stop working.
        lead: who may see the overview (and vote).
        how: how the overview's intervals are made.
        announce: called with each line for the person who started the server.
        on_done: called after each vote that leaves none missing.
        hosts: further host names of the page, for example behind a proxy.

    Raises:
        UserError: there is no batch, a name is invalid, or the port is taken.
    """
    problems = [
        f"{name!r}: a name may have letters, digits, spaces and . _ -, at most {_LONGEST_NAME} characters"
        for name in dict.fromkeys([*names, lead])
        if not _is_valid(name)
    ]
    if problems:
        raise UserError(listing("invalid names of people:", problems), code="page.bad_name")
    batch = artifacts.read_table(folder / "queue.parquet", QUEUE)
    listener = _listen(host, port)
    store = Store(folder / "votes.sqlite")
    store.publish(batch)
    secret = access.secret(folder / "secret")
    address = f"http://{_public(host)}:{listener.getsockname()[1]}"
    for line in _invite(store, access.Keys(secret), names, lead, address):
        announce(line)
    known = (*LOOPBACK, host, socket.gethostname(), socket.getfqdn(), *hosts)
    app = create_app(store, people, secret, how, known, on_done=on_done)
    # no access log: it would contain the links, which are secrets
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    with contextlib.closing(store), contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _invite(store: Store, keys: access.Keys, names: Sequence[str], lead: str, address: str) -> list[str]:
    store.revoke_all()
    lines = []
    for name in dict.fromkeys([lead, *names]):
        store.invite(name, "lead" if name == lead else "annotator", keys.token(name))
        lines.append(f"{name}{' (lead)' if name == lead else ''}: {address}/enter/{keys.token(name)}")
    return lines


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {host}:{port} ({error}). Try another --host or --port", code="page.port_taken"
        ) from None
    return listener


def _public(host: str) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"[{name}]" if ":" in name else name


def _is_valid(name: str) -> bool:
    return (
        0 < len(name) <= _LONGEST_NAME
        and name == name.strip()
        and all(c.isalnum() or c in " ._-" for c in name)
    )
