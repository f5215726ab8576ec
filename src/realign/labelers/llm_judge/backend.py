"""Where a judge's model runs: one file of `backends/` each, which declares BACKEND."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from realign import discovery
from realign.config.params import Judge
from realign.errors import UserError
from realign.labelers.llm_judge.form import Form
from realign.store.host import Host
from realign.store.ids import Message


@dataclass(frozen=True)
class Call:
    """One question to a model.

    Attributes:
        key: names it, the same in every run, so that a server may sell its answer once.
        chat: what the model reads.
    """

    key: str
    chat: list[Message]


@dataclass(frozen=True)
class Completion:
    """What a model answered, and the tokens that it read and wrote.

    Attributes:
        text: the answer, as it came.
        tokens_in: tokens read.
        tokens_out: tokens written.
        cause: why it may hold no label, where the backend knows (parse.CUT, REFUSED or EMPTY).
    """

    text: str
    tokens_in: int
    tokens_out: int
    cause: str = ""


class Failed(Exception):
    """Calls that got no answer.

    Args:
        why: in words.
        passes: whether it may pass by itself.
    """

    def __init__(self, why: str, passes: bool = True) -> None:
        super().__init__(why)
        self.passes = passes


class Refused(Failed):
    """A call that was refused: for what it asks, or because the server takes no call at all.

    Args:
        why: the server's words.
        of_text: whether it is for what the call asks; None where the words do not tell.
        mend: what is wrong where the server takes no call at all; None for no better words than `why`.
    """

    def __init__(self, why: str, of_text: bool | None, mend: UserError | None = None) -> None:
        super().__init__(why, passes=False)
        self.of_text = of_text
        self.mend = mend


class Client(Protocol):
    """A judge that can be asked.

    Attributes:
        batch: calls that it is handed at a time.
        at_once: batches that may be under way at a time.
    """

    batch: int
    at_once: int

    async def ask(self, calls: Sequence[Call]) -> Sequence[Completion]:
        """A completion a call, in their order.

        Raises:
            Failed: there is no answer to these calls.
            UserError: there is none to any call, and somebody must mend something.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True)
class Backend:
    """A kind of place where a judge's model runs.

    Attributes:
        connect: opens a client; raises UserError where the judge cannot be asked at all.
        form: how a judge is asked there.
        problems: parameters with which it cannot work, each with its mend.
        priced: whether tokens cost money.
    """

    connect: Callable[[Judge, Form, Host], Client]
    form: Callable[[Judge], Form]
    problems: Callable[[Judge], list[str]]
    priced: bool = True


def find(name: str) -> Backend:
    """The backend of this name.

    Raises:
        UserError: there is none.
    """
    package = "realign.labelers.llm_judge.backends"
    known = discovery.names(package)
    if name not in known:
        raise UserError(
            f"label.judge.backend: there is no backend {name!r}; there are {', '.join(known)}",
            code="judge.unknown_backend",
        )
    backend: Backend = importlib.import_module(f"{package}.{name}").BACKEND
    return backend
