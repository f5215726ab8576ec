"""The application: what a person asks for and sends, checked, and passed to the store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException as AnyHTTPException

from realign.config.params import People
from realign.labelers.human.page import guard, pages
from realign.labelers.human.page.access import SESSION_DAYS, Keys, Session
from realign.labelers.human.page.assignment import Answered, Choice, NotAssigned, Person, Showing
from realign.labelers.human.page.overview import Overview
from realign.labelers.human.page.store import Store

COOKIE = "realign_session"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_STATIC = Path(__file__).parent / "static"
_router = APIRouter()


@dataclass(frozen=True)
class Desk:
    """What the routes work with.

    Attributes:
        store: where the votes go.
        people: the settings.
        keys: what sessions, links and forms are signed with.
        rate: requests that one person, or one address without a session, may send.
        overview: the lead's figures.
        on_done: called after each vote that leaves none missing.
    """

    store: Store
    people: People
    keys: Keys
    rate: guard.Rate
    overview: Overview
    on_done: Callable[[], None] | None


@dataclass(frozen=True)
class Visitor:
    """Who asks, in which session."""

    person: Person
    session: Session


@dataclass(frozen=True)
class Sent:
    """A form of a visitor, made for their session."""

    person: Person
    fields: dict[str, str]


class _Answer(BaseModel):
    pair: Annotated[str, Field(max_length=64)]
    occasion: Annotated[int, Field(ge=0, le=1)]
    round: Annotated[int, Field(ge=0, lt=2**31)]

    @property
    def showing(self) -> Showing:
        return Showing(self.pair, self.occasion, self.round)


class _Vote(_Answer):
    choice: Choice
    confidence: Literal["", "1", "2", "3"] = ""
    comment: Annotated[str, Field(max_length=pages.LONGEST_COMMENT)] = ""


_Read = TypeVar("_Read", bound=_Answer)


def create_app(
    store: Store,
    people: People,
    secret: str,
    hosts: Collection[str] = LOOPBACK,
    rate: str = "600/minute",
    on_done: Callable[[], None] | None = None,
) -> FastAPI:
    """The whole application.

    Args:
        store: where the votes go.
        people: the settings.
        secret: what sessions, links and forms are signed with.
        hosts: names under which people reach the page.
        rate: requests that one person, or one address without a session, may send.
        on_done: called after each vote that leaves none missing.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(store, people, Keys(secret), guard.Rate(rate), Overview(store, people), on_done)
    app.add_middleware(guard.Guard, hosts=hosts)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.include_router(_router)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(NotAssigned, _not_assigned)
    app.add_exception_handler(Answered, _answered)
    return app


def _desk(request: Request) -> Desk:
    return cast(Desk, request.app.state.desk)


AtDesk = Annotated[Desk, Depends(_desk)]


def _visitor(request: Request, desk: AtDesk) -> Visitor:
    session = desk.keys.open(request.cookies.get(COOKIE, ""))
    person = desk.store.by_name(session.name) if session else None
    desk.rate.spend(f"person {person.name}" if person else _address(request))
    if session is None or person is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Open your own link first. The lead has it for you.")
    return Visitor(person, session)


Known = Annotated[Visitor, Depends(_visitor)]


def _lead(visitor: Known) -> Person:
    if visitor.person.role != "lead":
        raise HTTPException(HTTPStatus.FORBIDDEN, "This page is for the lead.")
    return visitor.person


Lead = Annotated[Person, Depends(_lead)]


def _sent(visitor: Known, fields: Annotated[dict[str, str], Depends(guard.read_form)], desk: AtDesk) -> Sent:
    if not desk.keys.made(visitor.session, fields.get("form", "")):
        raise HTTPException(HTTPStatus.FORBIDDEN, "This form was not made for you. Open the page anew.")
    return Sent(visitor.person, fields)


Form = Annotated[Sent, Depends(_sent)]


@_router.get("/enter/{token}")
def _enter(request: Request, token: str, desk: AtDesk) -> Response:
    desk.rate.spend(_address(request))
    person = desk.store.by_token(token)
    if person is None:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "This link does not hold (any more). Ask the lead for yours."
        )
    answer = pages.page("welcome.html", person=person, people=desk.people)
    answer.set_cookie(
        COOKIE,
        desk.keys.seal(person.name),
        max_age=SESSION_DAYS * 24 * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@_router.get("/")
def _next(
    visitor: Known, desk: AtDesk, view: Annotated[pages.View, Query()] = "formatted", whole: bool = False
) -> Response:
    name = visitor.person.name
    found = desk.store.next(name, desk.people)
    last = desk.store.last(name)
    shared: dict[str, Any] = {
        "person": visitor.person,
        "form": desk.keys.form(visitor.session),
        "progress": desk.store.progress(name, desk.people),
        "said": pages.SAID[last] if last else "",
    }
    if found is None:
        return pages.page("done.html", **shared)
    return pages.page("pair.html", **shared, **pages.pair(found, view, whole))


@_router.post("/vote")
def _vote(form: Form, desk: AtDesk, after: BackgroundTasks) -> Response:
    said = _read(_Vote, form)
    confidence = int(said.confidence) if said.confidence else None
    comment = said.comment.replace("\r\n", "\n").strip()  # browsers send Windows line ends
    desk.store.vote(form.person.name, said.showing, said.choice, confidence, comment)
    after.add_task(_tell, desk)
    return _onwards(form)


@_router.post("/skip")
def _skip(form: Form, desk: AtDesk) -> Response:
    desk.store.skip(form.person.name, _read(_Answer, form).showing)
    return _onwards(form)


@_router.post("/stay")
def _stay(form: Form) -> Response:
    return _onwards(form)


@_router.post("/undo")
def _undo(form: Form, desk: AtDesk) -> Response:
    desk.store.undo(form.person.name)
    return _onwards(form)


@_router.post("/unskip")
def _unskip(form: Form, desk: AtDesk) -> Response:
    desk.store.unskip(form.person.name)
    return _onwards(form)


@_router.get("/overview")
def _overview(person: Lead, desk: AtDesk) -> Response:
    return pages.page("overview.html", person=person, people=desk.people, **desk.overview.facts())


@_router.get("/overview/{name}.svg")
def _picture(_: Lead, name: Literal["agreement", "time"], desk: AtDesk) -> Response:
    # matplotlib styles its elements inline, which the policy of the pages forbids
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(desk.overview.picture(name), headers=policy, media_type="image/svg+xml")


@_router.get("/{name}.csv")
def _download(_: Lead, name: Literal["votes", "people"], desk: AtDesk) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(desk.overview.csv(name), headers=headers, media_type="text/csv; charset=utf-8")


def _read(model: type[_Read], form: Sent) -> _Read:
    try:
        return model.model_validate(form.fields)
    except ValidationError as error:
        wrong = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors()}))
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The form is not as it should be: {wrong}."
        ) from None


def _onwards(form: Sent) -> Response:
    view = form.fields.get("view")
    return RedirectResponse(
        f"/?view={view}" if view in ("plain", "difference") else "/", HTTPStatus.SEE_OTHER
    )


def _tell(desk: Desk) -> None:
    if desk.on_done is not None and not desk.store.missing(desk.people):
        desk.on_done()


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"


def _refused(_: Request, error: Exception) -> Response:
    refusal = cast(AnyHTTPException, error)
    answer = pages.page("refused.html", refusal.status_code, why=refusal.detail)
    answer.headers.update(refusal.headers or {})
    return answer


def _misread(_: Request, __: Exception) -> Response:
    return pages.page("refused.html", 422, why="The address holds something that this page does not know.")


def _not_assigned(_: Request, __: Exception) -> Response:
    return pages.page("refused.html", 403, why="This pair was not given to you. Nothing was written.")


def _answered(_: Request, __: Exception) -> Response:
    return pages.page(
        "refused.html", 409, why="This pair has your answer already. Nothing was written twice."
    )
