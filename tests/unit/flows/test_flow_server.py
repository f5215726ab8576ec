"""Prefect's server: an address without one is one line with its mend; the temporary one ends and says nothing."""

import http.server
import os
import subprocess
import sys
import threading

import pytest
from prefect.exceptions import PrefectException

from flows import schedule, server
from realign.errors import UserError


class Page(http.server.BaseHTTPRequestHandler):
    """A web page of something else, with status 200 whatever is asked."""

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def page():
    site = http.server.HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "127.0.0.1:9", "nonsense", "http://[1/api"])
def test_a_dead_or_wrong_address_is_one_line_with_its_mend(address):
    with pytest.raises(UserError, match=r"does its address end in /api\?.*unset PREFECT_API_URL") as caught:
        server.check(address)
    assert caught.value.code == "server.unreachable"
    assert "\n" not in str(caught.value)


def test_another_program_is_no_prefect_server(page):
    with pytest.raises(UserError) as caught:
        server.check(page)
    assert caught.value.code == "server.unreachable"


def test_credentials_in_the_address_are_not_shown():
    with pytest.raises(UserError) as caught:
        server.check("http://ann:secret@127.0.0.1:9/api")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:9/api" in str(caught.value)


def test_a_server_that_goes_away_is_said_once(monkeypatch):
    monkeypatch.setattr(server, "address", lambda: "http://127.0.0.1:9/api")
    answers = iter([True])

    def check(where):
        if not next(answers, False):
            raise UserError(f"no Prefect server answers at {where}", code="server.unreachable")

    monkeypatch.setattr(server, "check", check)
    with pytest.raises(UserError, match="went away during the run") as caught, server.ready():
        raise PrefectException("connection refused")
    assert caught.value.code == "server.lost"


def test_an_error_beside_a_server_that_answers_is_itself(monkeypatch):
    monkeypatch.setattr(server, "address", lambda: "http://127.0.0.1:9/api")
    monkeypatch.setattr(server, "check", lambda where: where)
    with pytest.raises(ZeroDivisionError), server.ready():
        raise ZeroDivisionError


def test_the_temporary_server_answers_and_ends_and_says_nothing(tmp_path):
    code = (
        "import atexit; from flows import server; where, stop = server.start(); server.check(where); "
        "atexit.register(stop); print(where)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == ""
    with pytest.raises(UserError):
        server.check(done.stdout.strip())


def test_a_server_that_cannot_start_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="make setup") as caught:
        server.start(PREFECT_HOME=str(tmp_path / "file"))
    assert caught.value.code == "server.not_started"


@pytest.mark.parametrize(
    ("cron", "timezone"), [("nonsense", "UTC"), ("0 3 * * 1", "Europe/Atlantis"), ("99 3 * * 1", "UTC")]
)
def test_a_schedule_is_looked_at_before_a_server(cron, timezone, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "address", lambda: None)
    with pytest.raises(UserError) as caught:
        schedule.serve(tmp_path, cron, timezone)
    assert caught.value.code == "serve.bad_schedule"


def test_a_schedule_needs_a_server_that_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "address", lambda: "http://127.0.0.1:9/api")
    with pytest.raises(UserError) as caught:
        schedule.serve(tmp_path, "0 3 * * 1", "UTC")
    assert caught.value.code == "server.unreachable"
