"""What stands before the first request: names, links, the secret, the port."""

import socket
import stat

import pytest
from annotate_builders import HOW, batch, settings

from realign.errors import UserError
from realign.labelers.human.page import access, serve
from realign.labelers.human.page.store import Store
from realign.store import artifacts
from realign.store.schemas import QUEUE


def start(folder, names=("anna",), lead="lead", host="127.0.0.1", port=0):
    lines = []
    serve.serve(folder, settings(), host, port, names, lead, HOW, lines.append)
    return lines


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a batch, and a server that ends at once as if interrupted."""
    artifacts.write_table(tmp_path / "queue.parquet", batch(3), QUEUE)

    def run(_, sockets):
        sockets[0].close()
        raise KeyboardInterrupt

    monkeypatch.setattr(serve.uvicorn.Server, "run", run)
    return tmp_path


def tokens(lines):
    return [line.rsplit("/", 1)[1] for line in lines]


def test_links_stay_the_same_and_let_in_who_is_named(folder):
    first, second = start(folder, ["anna", "ben"]), start(folder, ["ben", "chen", "ben"])
    assert [line.split(":")[0] for line in first] == ["lead (lead)", "anna", "ben"]
    assert [line.split(":")[0] for line in second] == ["lead (lead)", "ben", "chen"]
    assert tokens(first)[2] == tokens(second)[1]
    assert len({*tokens(first), *tokens(second)}) == 4
    assert all(len(token) == 43 for token in tokens(first))
    store = Store(folder / "votes.sqlite")
    assert store.by_token(tokens(first)[1]) is None, "anna is not named any more"
    assert [store.by_token(token).role for token in tokens(second)] == ["lead", "annotator", "annotator"]
    assert store.completion(settings()) == (3, 0)


def test_a_lead_who_votes_has_one_link(folder):
    assert len(start(folder, ["anna", "lead"])) == 2


def test_the_secret_is_the_owner_s_alone_and_stays(tmp_path):
    path = tmp_path / "new" / "secret"
    secret = access.secret(path)
    assert len(secret) >= 32
    assert access.secret(path) == secret
    assert access.secret(tmp_path / "other") != secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_names_that_cannot_be_used_are_all_listed(folder):
    with pytest.raises(UserError) as caught:
        start(folder, ["", " anna", "a" * 41, "x/y", "<b>", "=1", "a\u202eb", "Åse-Marie O. 2"], lead="l\n")
    assert str(caught.value).count("a name may have") == 8
    assert "Åse" not in str(caught.value)
    assert caught.value.code == "page.bad_name"


def test_without_a_batch_nothing_starts(tmp_path):
    with pytest.raises(UserError, match=r"queue\.parquet is not there"):
        start(tmp_path)


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UserError, match=r"cannot listen on 127\.0\.0\.1") as caught:
            start(folder, port=other.getsockname()[1])
        assert caught.value.code == "page.port_taken"
