"""Judges as real servers are, over real HTTP: every reply ends as a label, a counted abstention or a clear refusal."""

import base64
import json
from functools import partial
from urllib.parse import quote

import pytest
from fake_judge_server import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge_builders import label, pairs, request

from flows.labels import shown
from realign.errors import Transient, UserError
from realign.labelers import registry
from realign.labelers.label_pairs import some_label
from realign.labelers.llm_judge.labeler import label as llm_judge
from realign.store import ledger_batches as batches
from realign.store.ledger import Ledger
from realign.store.ledger_rows import unsound

DRAFT = '{"winner": "tie", "confidence": 0.5}'
SOUND = '{"rationale": "Because.", "winner": "both_bad", "confidence": 0.9}'


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    """One server, which becomes what a test wants."""
    with Running(tmp_path_factory.mktemp("fake")) as server:
        yield partial(server.become, latency=0.0)


def labeled(folder, server, count=3, environ=None, **judge):
    return llm_judge(request(folder, pairs(count), label(server.url, retries=0, **judge), environ=environ))


def kept(folder):
    ledger = Ledger(request(folder, pairs(0), label("http://127.0.0.1:9/v1")).work.ledger())
    rows = ledger.everything()
    ledger.close()
    return rows


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "free",
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "many", "completion_tokens": [3]},
        {"prompt_tokens": -5, "completion_tokens": True},
        {"prompt_tokens": 10**30, "completion_tokens": 1e400},
        {"prompt_tokens": float("nan"), "completion_tokens": {"text": 3}},
    ],
)
def test_bookkeeping_never_costs_an_answer_and_no_usage_is_no_free_answer(fake, tmp_path, usage):
    server = fake(replies=[{"usage": usage}])
    found = labeled(tmp_path, server, 2, price_in=1.0, price_out=1.0)
    assert set(found.winner) <= {"a", "b"}
    assert server.counts()["sold"] == 4
    account = found.facts["judge"]
    assert 4 * 300 < account["tokens_in"] < 4 * 2000
    assert 4 * 5 < account["tokens_out"] < 4 * 100
    assert account["money"] > 0


def test_usage_is_taken_as_it_comes(fake, tmp_path):
    server = fake(replies=[{"usage": {"prompt_tokens": "120", "completion_tokens": 7.0}}])
    account = labeled(tmp_path, server, 1).facts["judge"]
    assert (account["tokens_in"], account["tokens_out"]) == (240, 14)


@pytest.mark.parametrize(
    "reply",
    [
        {"content": f"<think>Perhaps {DRAFT}</think>\n{SOUND}"},
        {"content": f"Perhaps {DRAFT}\n</think>\n{SOUND}"},
        {"content": f"<thinking>{DRAFT}</thinking>{SOUND}"},
        {"content": f"<think>{DRAFT}</think> hm {DRAFT} <think>no</think>{SOUND}"},
        {"content": f"<think>it says </think>, {DRAFT}</think>{SOUND}"},
        {"content": f"<THINK>\n{DRAFT}\n</ think >{SOUND}"},
        {"content": f"[THINK]{DRAFT}[/THINK]{SOUND}"},
        {"content": f"<reasoning>{DRAFT}</reasoning>\n```json\n{SOUND}\n```"},
        {"content": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
                    f"<|channel|>final<|message|>{SOUND}<|return|>"},
        {"content": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
                    f"<|channel|>final <|constrain|>json<|message|>{SOUND}"},
        {"content": f"analysisPerhaps {DRAFT}assistantfinal{SOUND}"},
        {"content": [{"type": "text", "text": SOUND}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]},
                     {"type": "text", "text": SOUND}]},
        {"content": [{"type": "reasoning", "text": DRAFT}, {"type": "output_text", "text": SOUND[:20]},
                     {"type": "output_text", "text": SOUND[20:]}]},
        {"content": json.loads(SOUND)},
        {"message": {"content": SOUND, "reasoning_content": DRAFT}},
        {"message": {"content": SOUND, "reasoning": DRAFT, "refusal": None, "tool_calls": []}},
        {"content": SOUND.replace('"Because."', "null")},
        {"content": SOUND.replace('"Because."', '["one", {"two": 2}]')},
        {"content": SOUND.replace('"Because."', '"\\ud800"')},
        {"content": SOUND + "\n\n\n", "finish": "length"},
        {"content": SOUND, "finish": None},
    ],
)  # fmt: skip
def test_the_answer_is_what_comes_after_the_thinking(fake, tmp_path, reply):
    server = fake(replies=[reply])
    found = labeled(tmp_path, server)
    assert found.winner.tolist() == ["both_bad"] * 3
    assert server.counts()["repairs"] == 0


@pytest.mark.parametrize(
    "reply",
    [
        {"content": f"<think>Perhaps {DRAFT}", "finish": "length"},
        {"content": f"Perhaps {DRAFT}, or", "finish": "length"},
        {"content": f"<|channel|>analysis<|message|>{DRAFT}", "finish": "max_tokens"},
        {"message": {"content": None, "reasoning_content": DRAFT}, "finish": "length"},
        {"content": "", "finish": "length"},
    ],
)
def test_a_cut_answer_is_counted_as_cut_and_not_repaired(fake, tmp_path, reply, capsys):
    server = fake(replies=[reply])
    found = labeled(tmp_path, server)
    assert found.winner.tolist() == ["abstain"] * 3
    assert found.facts["judge"]["abstentions"] == {"cut at max_tokens": 6}
    assert server.counts()["sold"] == 6
    assert "6 answers were cut at max_tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    "reply",
    [
        {"content": f"<think>Perhaps {DRAFT}"},
        {"content": f"<think>No.</think><think>Perhaps {DRAFT}"},
        {"message": {"content": "", "reasoning_content": DRAFT}},
        {"message": {"content": [{"type": "thinking", "thinking": DRAFT}]}},
        {"content": f"analysisPerhaps {DRAFT}"},
        {"content": '{"winner": "first", "winner": "second"}'},
        {"message": {"content": None, "refusal": "I cannot help with that."}},
    ],
)
def test_a_draft_or_a_contradiction_is_no_answer(fake, tmp_path, reply):
    found = labeled(tmp_path, fake(replies=[reply]))
    assert found.winner.tolist() == ["abstain"] * 3
    assert sum(found.facts["judge"]["abstentions"].values()) == 6


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "The response was filtered due to the prompt triggering our content management policy"),
        (400, "as planned"),
        (403, "Your request was flagged by moderation"),
        (403, "Forbidden"),
        (422, "unprocessable"),
        (413, "prompt is too long: 9000 tokens > 8192 maximum"),
    ],
)
def test_one_item_that_is_refused_is_an_abstention_once_others_succeed(fake, tmp_path, status, words):
    server = fake(filtered={"What is 2 plus 2?": (status, words)})
    found = labeled(tmp_path, server, 6)
    wrong = found.winner == "abstain"
    assert wrong.sum() == 1
    assert pairs(6)["messages"][wrong].str.contains("What is 2 plus 2").all()
    assert found.facts["judge"]["abstentions"] == {"refused by the server": 2}
    (reason,) = kept(tmp_path).query("winner == 'abstain'")["rationale"]
    assert words in reason
    requests = server.counts()["requests"]
    assert labeled(tmp_path, server, 6).facts == found.facts
    assert server.counts()["requests"] == requests, "it is not asked again by itself"


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "Your credit balance is too low"), (403, "API key has no permission"), (403, "Forbidden")],
)
def test_refusals_of_everything_are_no_abstentions(fake, tmp_path, status, words):
    server = fake(filtered={"": (status, words)})
    with pytest.raises(UserError, match=words):
        labeled(tmp_path, server, 6)
    assert kept(tmp_path).empty


def test_credit_that_ends_on_the_way_makes_no_abstentions(fake, tmp_path):
    server = fake(replies=[{}] * 5 + [{"status": 403, "body": {"error": {"message": "Forbidden"}}}] * 995)
    with pytest.raises(UserError, match="Forbidden"):
        labeled(tmp_path, server, 40, concurrency=1)
    rows = kept(tmp_path)
    assert (rows["winner"] != "abstain").all()
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("body", "words", "transient"),
    [
        ({"error": {"message": "slow down please", "code": 429}}, "slow down please", True),
        ({"error": {"message": "upstream is down", "code": "502"}}, "upstream is down", True),
        ({"error": {"message": "who knows"}}, "who knows", True),
        ({"error": "model crashed"}, "model crashed", True),
        ({"object": "error", "message": "the model `fake` is not here", "code": 404}, "is not here", False),
        ({"error": {"message": "bad key", "type": "invalid_api_key"}}, "bad key", False),
        ({"error": {"message": "no money", "code": "insufficient_quota"}}, "no money", False),
        ({"detail": "not here"}, "not here", True),
        ({"choices": [{"error": {"code": 502, "message": "provider broke"}, "finish_reason": "error"}]},
         "provider broke", True),
        ({"choices": []}, "no chat completion", True),
        ("<html><body><h1>Sign in first</h1></body></html>", "Sign in first", True),
        ("data: {\"choices\": []}\n\ndata: [DONE]\n", "event stream", False),
        ("", "empty", True),
        ("[1, 2]", "no chat completion", True),
    ],
)  # fmt: skip
def test_a_200_that_holds_no_answer_is_named_with_the_servers_own_words(
    fake, tmp_path, body, words, transient
):
    kind = "text/html" if "<html>" in body else "text/event-stream" if "data:" in body else "application/json"
    server = fake(replies=[{"body": body, "type": kind}])
    with pytest.raises(UserError) as refusal:
        labeled(tmp_path, server, 1)
    assert words in str(refusal.value)
    assert isinstance(refusal.value, Transient) == transient
    assert "Traceback" not in str(refusal.value)


def test_every_distinct_refusal_is_shown(fake, tmp_path):
    words = ["response_format is unknown", "max_tokens is unknown", "schema: no", "temperature must be 1"]
    server = fake(replies=[{"status": 400, "body": {"error": {"message": word}}} for word in words])
    with pytest.raises(UserError) as refusal:
        labeled(tmp_path, server, 1, concurrency=1)
    assert all(word in str(refusal.value) for word in words)
    assert "label.judge.temperature: null" in str(refusal.value)


def test_a_temperature_of_null_is_left_out(tmp_path, fake):
    server = fake(filtered={})
    assert set(labeled(tmp_path, server, 2, temperature=None).winner) <= {"a", "b"}


def test_an_empty_answer_of_the_server_is_asked_for_again_by_the_next_run(fake, tmp_path, capsys):
    server = fake(replies=[{"content": ""}, {"content": None}])
    assert labeled(tmp_path, server).facts["judge"]["abstentions"] == {"empty": 6}
    server = fake()
    found = labeled(tmp_path, server)
    assert set(found.winner) <= {"a", "b"}
    assert found.facts["judge"]["calls"] == 6 * 2 + 6, "every paid call is on the books"
    assert labeled(tmp_path, server).facts == found.facts
    assert server.counts()["sold"] == 6
    assert "6 answers come from the ledger, 0 are asked for" in capsys.readouterr().err


def test_an_unreadable_answer_is_asked_for_again_when_somebody_says_so(fake, tmp_path):
    server = fake(replies=[{"content": "The first.\x1b[2J"}])
    labeled(tmp_path, server, 4)
    before = kept(tmp_path)
    doubtful = before.loc[before["winner"] == "abstain", "pair_id"]
    assert len(doubtful) == 4
    batches.write(before, request(tmp_path, pairs(0), label(server.url)).work.shared_ledger())
    assert "- answer of" in "\n".join(shown(tmp_path, doubtful.iloc[0]))
    assert not any("\x1b" in line for pair in doubtful for line in shown(tmp_path, pair))

    server = fake()
    asked = request(tmp_path, pairs(4), label(server.url))
    assert registry.ask_again(asked.settings, asked.rubric, asked.work) == len(doubtful)
    found = llm_judge(asked)
    assert set(found.winner) <= {"a", "b"}
    sold = server.counts()["sold"]
    assert sold == 8
    assert llm_judge(asked).facts == found.facts, "the abstentions in the batch do not come back"
    assert server.counts()["sold"] == sold
    later = kept(tmp_path)
    assert later["calls"].sum() == before["calls"].sum() + sold


def test_a_labeler_without_answers_cannot_ask_again(tmp_path):
    with pytest.raises(UserError) as refusal:
        asked = request(tmp_path, pairs(1), label(None).model_copy(update={"labeler": "oracle"}))
        registry.ask_again(asked.settings, asked.rubric, asked.work)
    assert refusal.value.code == "label.no_answers"


def test_a_pair_of_which_the_ledger_knows_nothing_is_named(tmp_path):
    with pytest.raises(UserError) as refusal:
        list(shown(tmp_path, "nobody"))
    assert refusal.value.code == "ledger.no_pair"


def test_no_label_at_all_is_one_error_that_says_why(fake, tmp_path):
    server = fake(replies=[{"content": "<think>so", "finish": "length"}])
    found = labeled(tmp_path, server)
    with pytest.raises(UserError, match="6 answers cut at max_tokens") as refusal:
        some_label(found, label(server.url))
    assert refusal.value.code == "label.none"
    some_label(labeled(tmp_path, fake(), temperature=0.5), label(server.url))


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
ANYTHING = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=9), part, max_size=3)
)
PIECES = st.sampled_from(
    [SOUND, DRAFT, "<think>", "</think>", "<thinking>", "assistantfinal", "analysis", "<|channel|>final<|message|>",
     "```json", "```", "{", "}", '{"winner": "first"', "\ud800",
     "\x00", '"\\ud800"', '{"winner": "second", "rationale": 3}']
)  # fmt: skip
CONTENT = st.lists(PIECES | st.text(max_size=9), max_size=6).map("".join) | ANYTHING
MESSAGES = st.fixed_dictionaries(
    {"content": CONTENT}, optional={"refusal": ANYTHING, "reasoning_content": CONTENT, "tool_calls": ANYTHING}
)
REPLIES = st.fixed_dictionaries(
    {"message": MESSAGES, "finish": st.sampled_from(["stop", "length", "content_filter", None, 3]), "usage": ANYTHING}
) | st.fixed_dictionaries(
    {"status": st.sampled_from([200, 200, 400, 403, 404, 413, 418, 422, 500]),
     "type": st.sampled_from(["text/html", "x"]),
     "body": ANYTHING | CONTENT | st.fixed_dictionaries({"error": ANYTHING}) | st.fixed_dictionaries({"choices": ANYTHING})}
)  # fmt: skip


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(REPLIES, min_size=1, max_size=3))
def test_every_reply_ends_as_a_label_a_counted_abstention_or_words(fake, tmp_path_factory, replies):
    folder = tmp_path_factory.mktemp("reply")
    try:
        found = labeled(folder, fake(replies=replies), 2)
    except UserError as refusal:
        assert str(refusal)
        return
    rows = kept(folder)
    assert unsound(rows) == []
    without = found.orders == "abstain"
    assert sum(found.facts["judge"]["abstentions"].values()) == without.sum()
    assert rows.loc[rows["winner"] == "abstain", "rationale"].str.len().gt(0).all()


KEY = "sk-live/Ab+9=Zq77-secretKEY"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 418, 500])
@pytest.mark.parametrize(
    "spell", [str, quote, lambda key: base64.b64encode(f"x:{key}".encode()).decode(), lambda key: key[:14]]
)
def test_a_server_that_echoes_the_key_puts_it_nowhere(fake, tmp_path, status, spell, capsys):
    spelled = spell(KEY)
    server = fake(replies=[{"status": status, "body": {"error": {"message": f"no: {spelled}"}}}])
    with pytest.raises(UserError, match="no: ") as refusal:
        labeled(tmp_path, server, 1, environ={"OPENAI_API_KEY": KEY})
    assert spelled[-9:] not in f"{refusal.value}{capsys.readouterr()}"
    assert not any(
        spelled[-9:].encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


def test_an_answer_that_echoes_the_key_is_kept_without_it(fake, tmp_path):
    server = fake(replies=[{"content": '{"rationale": "{key}", "winner": "both_bad"}'}])
    found = labeled(tmp_path, server, 1, environ={"OPENAI_API_KEY": KEY})
    assert found.winner.tolist() == ["both_bad"]
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
