"""The web application: checks requests and forms, and passes them to the store."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
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
from realign.evaluation.intervals import Resampling
from realign.labelers.human.page import guard, pages
from realign.labelers.human.page.access import SESSION_DAYS, Keys, Session
from realign.labelers.human.page.assignment import AlreadyAnswered, Choice, NotAssigned, Person, Showing
from realign.labelers.human.page.overview import Overview
from realign.labelers.human.page.store import Store

COOKIE = "realign_session"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_STATIC = Path(__file__).parent / "static"
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    RequestValidationError: (422, "This page does not know that address."),
    NotAssigned: (403, "This pair was not assigned to you. Nothing was saved."),
    AlreadyAnswered: (409, "You have already answered this pair. Nothing was saved twice."),
}
_router = APIRouter()


@dataclass(frozen=True)
class Services:
    """What the routes use; see create_app."""

    store: Store
    people: People
    keys: Keys
    rate: guard.Rate
    overview: Overview
    on_done: Callable[[], None] | None


@dataclass(frozen=True)
class Visitor:
    """A signed-in person and their session."""

    person: Person
    session: Session


@dataclass(frozen=True)
class Form:
    """A form sent by a visitor, with a valid token of their session."""

    person: Person
    fields: dict[str, str]


class _Shown(BaseModel):
    pair: Annotated[str, Field(max_length=64)]
    occasion: Annotated[int, Field(ge=0, le=1)]
    round: Annotated[int, Field(ge=0, lt=2**31)]

    @property
    def showing(self) -> Showing:
        return Showing(self.pair, self.occasion, self.round)


class _Vote(_Shown):
    choice: Choice
    confidence: Literal["", "1", "2", "3"] = ""
    comment: Annotated[str, Field(max_length=pages.LONGEST_COMMENT)] = ""


_Fields = TypeVar("_Fields", bound=_Shown)


def create_app(
    store: Store,
    people: People,
    secret: str,
    how: Resampling,
    hosts: Collection[str] = LOOPBACK,
    rate: str = "600/minute",
    on_done: Callable[[], None] | None = None,
) -> FastAPI:
    """The whole application.

    Args:
        store: the votes.
        people: the settings.
        secret: signs sessions, links and forms.
        how: how the overview's intervals are made.
        hosts: host names of the page.
        rate: limit of requests of one person, or of one address without a session.
        on_done: called after each vote once none is missing.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = Services(
        store, people, Keys(secret), guard.Rate(rate), Overview(store, people, how), on_done
    )
    app.add_middleware(guard.Guard, hosts=hosts)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.include_router(_router)
    app.add_exception_handler(AnyHTTPException, _refused)
    for kind, (status, why) in _REFUSALS.items():
        app.add_exception_handler(kind, partial(_refuse, status, why))
    return app


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


def _visitor(request: Request, services: ServicesDep) -> Visitor:
    session = services.keys.session(request.cookies.get(COOKIE, ""))
    person = services.store.by_name(session.name) if session else None
    services.rate.spend(f"person {person.name}" if person else _address(request))
    if session is None or person is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Please open your own link first. Your lead has it.")
    return Visitor(person, session)


VisitorDep = Annotated[Visitor, Depends(_visitor)]


def _lead(visitor: VisitorDep) -> Person:
    if visitor.person.role != "lead":
        raise HTTPException(HTTPStatus.FORBIDDEN, "This page is for the lead.")
    return visitor.person


LeadDep = Annotated[Person, Depends(_lead)]


def _form(
    visitor: VisitorDep, fields: Annotated[dict[str, str], Depends(guard.read_form)], services: ServicesDep
) -> Form:
    if not services.keys.form_is_ours(visitor.session, fields.get("form", "")):
        raise HTTPException(HTTPStatus.FORBIDDEN, "This form belongs to another session. Reload the page.")
    return Form(visitor.person, fields)


FormDep = Annotated[Form, Depends(_form)]


@_router.get("/enter/{token}")
def _enter(request: Request, token: str, services: ServicesDep) -> Response:
    services.rate.spend(_address(request))
    person = services.store.by_token(token)
    if person is None:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "This link is not valid (any more). Ask your lead for yours."
        )
    response = pages.page("welcome.html", person=person, people=services.people)
    response.set_cookie(
        COOKIE,
        services.keys.cookie(person.name),
        max_age=SESSION_DAYS * 24 * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@_router.get("/")
def _next(
    visitor: VisitorDep,
    services: ServicesDep,
    view: Annotated[pages.View, Query()] = "formatted",
    whole: bool = False,
) -> Response:
    name = visitor.person.name
    assignment = services.store.next(name, services.people)
    last = services.store.last(name)
    shared: dict[str, Any] = {
        "person": visitor.person,
        "form": services.keys.form_token(visitor.session),
        "progress": services.store.progress(name, services.people),
        "last_answer": pages.ANSWERS[last] if last else "",
    }
    if assignment is None:
        return pages.page("done.html", **shared)
    return pages.page("pair.html", **shared, **pages.pair(assignment, view, whole))


@_router.post("/vote")
def _vote(form: FormDep, services: ServicesDep, after: BackgroundTasks) -> Response:
    vote = _read(_Vote, form)
    confidence = int(vote.confidence) if vote.confidence else None
    comment = vote.comment.replace("\r\n", "\n").strip()  # browsers send Windows line ends
    services.store.vote(form.person.name, vote.showing, vote.choice, confidence, comment)
    after.add_task(_call_if_done, services)
    return _next_pair(form)


@_router.post("/skip")
def _skip(form: FormDep, services: ServicesDep) -> Response:
    services.store.skip(form.person.name, _read(_Shown, form).showing)
    return _next_pair(form)


@_router.post("/stay")
def _stay(form: FormDep) -> Response:
    return _next_pair(form)


@_router.post("/undo")
def _undo(form: FormDep, services: ServicesDep) -> Response:
    services.store.undo(form.person.name)
    return _next_pair(form)


@_router.post("/unskip")
def _unskip(form: FormDep, services: ServicesDep) -> Response:
    services.store.unskip(form.person.name)
    return _next_pair(form)


@_router.get("/overview")
def _overview(person: LeadDep, services: ServicesDep) -> Response:
    return pages.page("overview.html", person=person, people=services.people, **services.overview.facts())


@_router.get("/overview/{name}.svg")
def _picture(_: LeadDep, name: Literal["agreement", "time"], services: ServicesDep) -> Response:
    # matplotlib styles its elements inline, which the pages' policy forbids
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(services.overview.picture(name), headers=policy, media_type="image/svg+xml")


@_router.get("/{name}.csv")
def _download(_: LeadDep, name: Literal["votes", "people"], services: ServicesDep) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(services.overview.csv(name), headers=headers, media_type="text/csv; charset=utf-8")


def _read(model: type[_Fields], form: Form) -> _Fields:
    try:
        return model.model_validate(form.fields)
    except ValidationError as error:
        wrong = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors()}))
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The form has invalid fields: {wrong}."
        ) from None


def _next_pair(form: Form) -> Response:
    view = form.fields.get("view")
    return RedirectResponse(
        f"/?view={view}" if view in ("plain", "difference") else "/", HTTPStatus.SEE_OTHER
    )


def _call_if_done(services: Services) -> None:
    if services.on_done is not None and not services.store.missing(services.people):
        services.on_done()


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"


def _refused(_: Request, error: Exception) -> Response:
    refusal = cast(AnyHTTPException, error)
    response = pages.page("refused.html", refusal.status_code, why=refusal.detail)
    response.headers.update(refusal.headers or {})
    return response


def _refuse(status: int, why: str, _request: Request, _error: Exception) -> Response:
    return pages.page("refused.html", status, why=why)
