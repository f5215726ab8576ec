"""The site from outside: who comes in, what is refused, what is written."""

import io
import json
import re
import time
from urllib.parse import quote

import pandas as pd
import pytest
from annotate_builders import Site, batch, form, settings
from annotate_hostile import as_seen, hostile
from annotate_page import Page, alive

from realign.labelers.human.page import guard, overview
from realign.labelers.human.page.app import COOKIE


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, batch(4))


def test_a_vote_goes_from_the_link_to_the_store(site):
    anna = site.client("anna")
    page = anna.get("/")
    assert page.status_code == 200
    answer = anna.post(
        "/vote", data=form(page.text) | {"choice": "right", "confidence": "2", "comment": " why\r\nnot "}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    row = site.store.votes().iloc[0]
    assert row[["annotator", "pair_id", "winner", "confidence", "rationale"]].tolist() == [
        "anna",
        "p000",
        "b",
        2,
        "why\nnot",
    ]
    page = anna.get("/").text
    assert "last: right is better" in page
    assert form(page)["pair"] == "p001"
    assert anna.post("/skip", data=form(page)).status_code == 303
    assert anna.post("/undo", data=form(anna.get("/").text)).status_code == 303
    assert form(anna.get("/").text)["pair"] == "p001"


def test_the_view_stays_from_pair_to_pair(site):
    anna = site.client("anna")
    sent = form(anna.get("/?view=difference").text) | {"choice": "left"}
    assert anna.post("/vote", data=sent).headers["location"] == "/?view=difference"
    sent = form(anna.get("/").text) | {"choice": "left", "view": "//evil.example"}
    assert anna.post("/vote", data=sent).headers["location"] == "/"


def test_no_page_tells_what_must_not_be_known(tmp_path):
    site = Site(tmp_path, batch(30, known=15), settings(gold_share=0.5))
    anna = site.client("anna")
    pages = []
    while "pair" in form(page := anna.get("/").text):
        pages.append(page)
        anna.post("/vote", data=form(page) | {"choice": "left"})
    hidden = [page for page in pages if form(page)["pair"] >= "p015"]
    assert len(hidden) > 5

    def bare(page):
        return re.sub(r"\d+|value=\"[^\"]*\"", "", page)

    assert len({bare(page) for page in pages[1:]}) <= 2, "a hidden check looks different"
    assert not any(word in page for page in pages for word in ("gold", "known", "strategy", "ra1", "rb1"))


# who may come in


@pytest.mark.parametrize(
    "path", ["/", "/?view=plain", "/overview", "/overview/time.svg", "/votes.csv", "/people.csv"]
)
def test_without_a_session_nothing_is_shown(site, path):
    stranger = site.client()
    assert stranger.get(path).status_code == 401
    stranger.cookies.set(COOKIE, "made-up.signature.here")
    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/vote", "/skip", "/undo", "/unskip", "/stay"])
def test_without_a_session_nothing_is_taken(site, path):
    assert site.client().post(path, data={"form": "x"}).status_code == 401
    assert site.store.version() == 0


def test_a_wrong_link_is_refused(site):
    stranger = site.client()
    for token in ("x", "a" * 43, site.keys.token("anna")[:-1], site.keys.token("somebody else")):
        answer = stranger.get(f"/enter/{token}")
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/overview", "/overview/agreement.svg", "/votes.csv", "/people.csv"])
def test_the_lead_s_pages_are_the_lead_s(site, path):
    assert site.client("anna").get(path).status_code == 403
    assert site.client("boss").get(path).status_code == 200


def test_who_is_dismissed_is_out_at_once(site):
    anna = site.client("anna")
    assert anna.get("/").status_code == 200
    site.store.revoke_all()
    assert anna.get("/").status_code == 401


def test_the_cookie_is_for_this_site_alone(site):
    cookie = site.client().get(f"/enter/{site.keys.token('anna')}").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    safe = site.client(base_url="https://localhost").get(f"/enter/{site.keys.token('anna')}")
    assert "; Secure" in safe.headers["set-cookie"]
    assert site.keys.token("anna") not in cookie


def test_sessions_of_another_secret_or_too_old_do_not_hold(site, monkeypatch):
    cookie = site.keys.cookie("anna")
    assert site.keys.session(cookie).name == "anna"
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 31 * 24 * 3600)
    assert site.keys.session(cookie) is None


# what is refused, with nothing written


def refused(site, client, status, path="/vote", **changes):
    """Send the form of the pair in front of `client` with changes; None takes a field out."""
    before = site.store.version()
    sent = form(client.get("/").text) | {"choice": "left"} | changes
    answer = client.post(path, data={name: value for name, value in sent.items() if value is not None})
    assert answer.status_code == status, answer.text
    assert site.store.version() == before
    return answer


@pytest.mark.parametrize("path", ["/vote", "/skip", "/undo", "/unskip", "/stay"])
def test_a_form_that_is_not_of_this_session_is_refused(site, path):
    anna, ben, again = site.client("anna"), site.client("ben"), site.client("anna")
    for foreign in (None, "", "x" * 27, form(ben.get("/").text)["form"], form(again.get("/").text)["form"]):
        refused(site, anna, 403, path, form=foreign)


def test_a_pair_that_was_not_given_is_refused(site):
    anna, ben = site.client("anna"), site.client("ben")
    theirs = form(ben.get("/").text)["pair"]
    anna.get("/")
    for pair in (theirs, "p003", "nothing", "' OR 1=1 --"):
        refused(site, anna, 403, pair=pair)
        refused(site, anna, 403, "/skip", pair=pair)
    refused(site, anna, 403, occasion="1")


def test_a_form_sent_twice_is_refused(site):
    anna = site.client("anna")
    sent = form(anna.get("/").text) | {"choice": "left"}
    assert anna.post("/vote", data=sent).status_code == 303
    for path in ("/vote", "/skip"):
        assert anna.post(path, data=sent | {"choice": "right"}).status_code == 409
    assert site.store.votes()["winner"].tolist() == ["a"]
    refused(site, anna, 409, round="7")


@pytest.mark.parametrize("changes", [
    {"choice": "a"}, {"choice": None}, {"confidence": "4"}, {"confidence": "sure"}, {"comment": "x" * 2001},
    {"round": "-1"}, {"round": "x"}, {"round": "9" * 30}, {"occasion": "2"}, {"occasion": None}, {"pair": None},
    {"pair": "p" * 65},
])  # fmt: skip
def test_a_form_that_makes_no_sense_is_refused(site, changes):
    refused(site, site.client("anna"), 422, **changes)


def test_a_body_that_is_too_large_or_no_form_is_refused(site):
    anna = site.client("anna")
    refused(site, anna, 413, comment="x" * guard.LARGEST_FORM)
    kind = {"content-type": "application/x-www-form-urlencoded"}

    def endless():
        for _ in range(1000):
            yield b"x" * 1000

    for status, body, headers in (
        (413, endless(), kind),  # no length is announced
        (400, b"form=%ff%fe", kind),
        (400, "form=ä".encode(), kind),
        (400, b"form=a&form=b", kind),
        (400, b"&".join(b"f%d=1" % n for n in range(50)), kind),
        (415, b"{}", {"content-type": "application/json"}),
        (415, b"", {}),
    ):
        assert anna.post("/vote", content=body, headers=headers).status_code == status
    assert site.store.version() == 0


def test_strange_addresses_are_refused(site):
    anna = site.client("anna")
    for path, status in (("/?view=source", 422), ("/?whole=perhaps", 422), ("/nothing", 404),
                         ("/static/../app.py", 404), ("/static/%2e%2e/app.py", 404), ("/docs", 404),
                         ("/openapi.json", 404), ("/vote", 405)):  # fmt: skip
        assert anna.get(path).status_code == status, path


def test_too_many_requests_are_refused_for_each_person(tmp_path):
    site = Site(tmp_path, batch(4), rate="5/minute")
    anna, ben, stranger = site.client("anna"), site.client("ben"), site.client()
    sent = form(anna.get("/").text) | {"choice": "left"}
    assert [anna.get("/").status_code for _ in range(5)] == [200] * 4 + [429]
    answer = anna.post("/vote", data=sent)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert site.store.version() == 0
    assert ben.get("/").status_code == 200
    guesses = [stranger.get(f"/enter/{'x' * 43}").status_code for _ in range(6)]
    assert guesses[-1] == 429, "links can be guessed at any speed"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "evil.example:80", "[::1"],
)
def test_a_foreign_host_name_is_refused(site, host):
    assert site.client("anna").get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:9000", "127.0.0.1", "[::1]:8000", "LOCALHOST", "192.168.1.5:8765"]
)
def test_the_own_names_and_plain_addresses_are_not(site, host):
    assert site.client("anna").get("/", headers={"host": host}).status_code == 200


def test_every_answer_carries_the_headers(site):
    anna = site.client("anna")
    answers = [anna.get("/"), anna.get("/nothing"), anna.get("/static/page.css"), site.client().get("/"),
               anna.post("/vote"), anna.get("/", headers={"host": "evil.example"}),
               site.client("boss").get("/overview")]  # fmt: skip
    for answer in answers:
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
            "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
        }  # fmt: skip
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    picture = site.client("boss").get("/overview/time.svg")
    assert (
        picture.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )


def test_a_fault_of_ours_shows_nothing_of_itself(site, monkeypatch, caplog):
    anna = site.client("anna")
    monkeypatch.setattr(site.store, "next", lambda *_: 1 / 0)
    answer = anna.get("/")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]
    assert "ZeroDivisionError" in caplog.text, "nobody can find the fault"


# hostile text


def test_hostile_text_is_text_on_every_page(tmp_path, monkeypatch):
    strings = hostile()
    assert len(strings) >= 200
    threes = [strings[start : start + 3] for start in range(0, len(strings) - 2, 3)] + [strings[-3:]]
    frame = batch(len(threes))
    frame["messages"] = [json.dumps([{"role": text[:300], "content": text}]) for text, _, _ in threes]
    frame["text_a"], frame["text_b"] = [a for _, a, _ in threes], [b for _, _, b in threes]
    site = Site(tmp_path, frame, settings(min_votes=2))
    anna = site.client("anna")
    for number, three in enumerate(threes):
        comment = "".join(["-", *(text[-600:] for text in three)])
        whole = anna.get("/?whole=true").text
        page = Page(whole)
        assert alive(page) == []
        assert [text for text in three if as_seen(text) not in page.text] == []
        page = Page(anna.get(f"/?view={('formatted', 'plain', 'difference')[number % 3]}").text)
        assert alive(page) == []
        assert all(text[-7:] in page.text for text in three if len(text) < 20_000)
        sent = form(whole) | {"choice": "left", "comment": comment}
        assert anna.post("/vote", data=sent).status_code == 303
        site.store.vote("ben", site.store.next("ben", site.people).showing, "right")
    assert alive(Page(anna.get("/").text)) == []

    monkeypatch.setattr(overview, "DISPUTES", len(threes))
    page = Page(site.client("boss").get("/overview").text)
    assert alive(page) == []
    for three in threes:
        assert "".join(as_seen(text[-600:]) for text in three) in page.text
        assert [text for text in three if len(text) < 20_000 and page.text.count(as_seen(text)) < 1] == []
        assert all(page.text.count(text[-7:]) >= 2 for text in three if len(text) < 20_000)
    csv = site.client("boss").get("/votes.csv")
    assert csv.headers["content-disposition"] == 'attachment; filename="votes.csv"'
    assert not re.search(r'(?m)(^|,)"?[=+@]', csv.text)


def test_hostile_addresses_and_fields_are_not_echoed(site):
    anna = site.client("anna")
    for text in hostile()[:100:3]:
        for answer in (anna.get("/", params={"view": text}), anna.get(f"/enter/{quote(text[:500], safe='')}"),
                       refused(site, anna, 422, choice=text)):  # fmt: skip
            assert alive(Page(answer.text)) == []
            assert "alert(1)" not in answer.text


# the figures of the overview


def test_the_overview_measures_people(tmp_path):
    site = Site(tmp_path, batch(40, known=10), settings(min_votes=3, gold_share=0.2, repeat_share=0.1))
    for name, wrong in (("anna", 0), ("ben", 7), ("boss", 3)):
        number = 0
        while (found := site.store.next(name, site.people)) is not None:
            number += 1
            right = "right" if found.showing.occasion else "left"
            site.clock.seconds += 10
            site.store.vote(name, found.showing, "tie" if wrong and number % wrong == 0 else right)
    boss = site.client("boss")
    people = pd.read_csv(io.StringIO(boss.get("/people.csv").text))
    people = people.set_index("annotator")
    assert people.loc["anna", ["gold", "self"]].tolist() == [1.0, 1.0]
    assert people["agreement"].sort_values().index.tolist() == ["boss", "ben", "anna"]
    assert people["gold"].idxmin() == "boss"
    assert (people["seconds"] == 10).all()
    assert (people["agreement_low"] <= people["agreement"]).all()
    votes = pd.read_csv(io.StringIO(boss.get("/votes.csv").text))
    assert len(votes) == people["votes"].sum() == len(site.store.votes())
    page = boss.get("/overview").text
    assert "30 of 30" in page
    assert "with known answers" in page
    svg = boss.get("/overview/agreement.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert svg.text.startswith("<svg") and "anna" in svg.text
    assert svg.text == boss.get("/overview/agreement.svg").text


def test_the_overview_without_a_vote(site):
    page = site.client("boss").get("/overview").text
    assert "0 of 4" in page and "not known" in page
    assert site.client("boss").get("/people.csv").status_code == 200


def test_texts_that_a_spreadsheet_would_run_are_disarmed():
    frame = pd.DataFrame({"n": [-1.5, 2.0], "t": ['=HYPERLINK("x")', "+1"], "u": ["fine", None]})
    lines = overview.spreadsheet(frame).split("\r\n")
    assert lines[1:3] == ['-1.5,"\'=HYPERLINK(""x"")",fine', "2.0,'+1,"]


# large batches


def test_ten_thousand_pairs_stay_quick(tmp_path):
    site = Site(tmp_path, batch(10_000), settings(min_votes=2), rate="100000/minute")
    anna = site.client("anna")
    times = []
    for _ in range(10):
        began = time.perf_counter()
        page = anna.get("/").text
        times.append(time.perf_counter() - began)
        anna.post("/vote", data=form(page) | {"choice": "tie"})
    assert sorted(times)[5] < 0.1, times


def test_the_end_of_the_batch_is_told(tmp_path):
    told = []
    site = Site(tmp_path, batch(2), on_done=lambda: told.append(len(site.store.votes())))
    anna = site.client("anna")
    for _ in range(2):
        anna.post("/vote", data=form(anna.get("/").text) | {"choice": "tie"})
    assert told == [2]
    assert "nothing left" in anna.get("/").text
