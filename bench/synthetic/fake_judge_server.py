"""A fake of a paid judge: an HTTP server on loopback that speaks /v1/chat/completions and can misbehave.

    python bench/synthetic/fake_judge_server.py --port 0 --log sold.jsonl --plan '{"latency": 0.02, "rates": {"429": 0.05}}'

prints its address, then serves until it is killed. `GET /counts` says what it sold so far; every sale is
a line of the log before the buyer has it, so that the counts outlive the server: one that is started
again with the same log goes on counting. It counts by the mark that divides the material, which names
conversation, first and second response: one mark is one order of one pair. A request that fails is not sold.

Tokens are counted as words and punctuation marks: `\\w+|[^\\w\\s]`, of all turns of a request and of the answer.
It is written on asyncio streams, not on a web framework, because it must break HTTP itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_MATERIAL = re.compile(
    r"^(\[[0-9a-f]{20}\]) first response\n(.*?)\n\1 second response\n(.*?)\n\1 end of the material$",
    re.DOTALL | re.MULTILINE,
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_ATTRIBUTES = re.compile(r"whole number from 0 to 4: (.*)\.$", re.MULTILINE)
_NONSENSE = ("The first one, I would say.", '{"winner": "neither"}', "{", "", "```json\n[]\n```")
_FAULTS = ("429", "500", "hang", "truncated", "wrong_type", "garbage", "drip", "reset")


@dataclass
class Plan:
    """How the server behaves.

    Attributes:
        latency: seconds of an answer.
        rates: share of requests that meet a fault (429, 500, hang, truncated, wrong_type, garbage, drip,
            reset; not sold) or get an answer that cannot be read (nonsense; sold).
        retry_after: seconds that a 429 asks for.
        hang: seconds for which hang and drip go on.
        meet: answers nobody before so many requests wait for an answer; 0 = at once.
        most: requests under way above which it says 429; null = any number.
        die_after: sales after which the process ends, once (not when it goes on from a log).
        no_schema: says 400 to response_format.
        always: a status that every request gets, null = none.
        honours_keys: sells an Idempotency-Key once, and gives the same answer again for nothing.
        prefers_first: probability that it takes the first, whatever it says.
        prefers_longer: of the others, probability that it takes the longer one.
        accuracy: of the others, probability that it takes the better one.
        gold: how good a text is; by a hash of the text where it is not named.
        confidence: what it says of every verdict.
        seed: of the misbehaviour.
        replies: what the requests get in turn, again and again: {status, type, body} as they are sent, or a sold
            completion {content, message, finish, usage}, each part standing in for the usual one. In all texts
            {key} is the key that the request came with, and {answer} the usual answer.
        filtered: by a part of a prompt, the status and the words with which every request about it is refused.
    """

    latency: float = 0.02
    rates: dict[str, float] = field(default_factory=dict)
    retry_after: float = 0.05
    hang: float = 3.0
    meet: int = 0
    most: int | None = None
    die_after: int | None = None
    no_schema: bool = False
    always: int | None = None
    honours_keys: bool = False
    prefers_first: float = 0.0
    prefers_longer: float = 0.0
    accuracy: float = 1.0
    gold: dict[str, float] = field(default_factory=dict)
    confidence: float = 0.8
    seed: int = 0
    replies: list[dict[str, Any]] = field(default_factory=list)
    filtered: dict[str, tuple[int, str]] = field(default_factory=dict)


def tokens(text: str) -> int:
    """Words and punctuation marks."""
    return len(_TOKEN.findall(text))


def uniform(*parts: str) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:6], "big") / 2**48


def choice(plan: Plan, mark: str, first: str, second: str) -> str:
    """'first' or 'second', by the planted biases. Who is better never depends on the order."""
    if uniform("prefers first", mark) < plan.prefers_first:
        return "first"
    pair = sorted((first, second))
    if uniform("prefers longer", *pair) < plan.prefers_longer and len(first) != len(second):
        return "first" if len(first) > len(second) else "second"
    better = max(pair, key=lambda text: plan.gold.get(text, uniform("quality", text)))
    if uniform("errs", *pair) >= plan.accuracy:
        better = pair[1 - pair.index(better)]
    return "first" if better == first else "second"


def answer(plan: Plan, prompt: str) -> tuple[str, str]:
    """The mark of the material in a prompt, and the verdict on it."""
    found = _MATERIAL.search(prompt)
    if not found:
        raise ValueError("no material in the prompt")
    mark, first, second = found.groups()
    chosen = choice(plan, mark, first, second)
    if asked := _ATTRIBUTES.search(prompt):
        scores = {"first": {}, "second": {}}
        for side, of_side in scores.items():
            of_side |= dict.fromkeys(asked[1].split(", "), 3 if side == chosen else 2)
        return mark, json.dumps({"rationale": "Because.", **scores})
    return mark, json.dumps({"rationale": "Because.", "winner": chosen, "confidence": plan.confidence})


def _usage(turns: list[str], content: Any) -> dict[str, int]:
    read, written = sum(map(tokens, turns)), tokens(str(content))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _filled(value: Any, words: dict[str, str]) -> Any:
    """A reply with the words in place of their names."""
    if isinstance(value, dict):
        return {name: _filled(part, words) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, words) for part in value]
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(name, word)
    return value


class Fake:
    """The server's state: what it sold, and to whom."""

    def __init__(self, plan: Plan, log: Path | None) -> None:
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.started = time.monotonic()
        self.requests = 0
        self.under_way = self.most_under_way = 0
        self.waiting = self.meetings = 0
        self.met = asyncio.Event()
        self.faults: Counter[str] = Counter()
        self.sold: list[dict[str, str]] = []
        self.by_key: dict[str, str] = {}
        self.log = None
        if log is not None:
            if log.is_file():
                self.sold = [json.loads(line) for line in log.read_text().splitlines()]
            self.log = log.open("a", buffering=1)
        self.went_on = bool(self.sold)

    def counts(self) -> dict[str, Any]:
        """What /counts answers."""
        marks = Counter(sale["mark"] for sale in self.sold if sale["kind"] == "ask")
        return {
            "requests": self.requests,
            "sold": len(self.sold),
            "asks": sum(marks.values()),
            "repairs": sum(sale["kind"] == "repair" for sale in self.sold),
            "orders": len(marks),
            "sold_twice": sum(count > 1 for count in marks.values()),
            "faults": dict(self.faults),
            "under_way": self.under_way,
            "most_under_way": self.most_under_way,
            "meetings": self.meetings,
            "processor_seconds": time.process_time(),
        }

    def fault(self) -> str:
        """Which fault this request meets, '' for none."""
        drawn = self.random.random()
        for name in (*_FAULTS, "nonsense"):
            drawn -= self.plan.rates.get(name, 0.0)
            if drawn < 0:
                self.faults[name] += 1
                return name
        return ""

    async def meet(self) -> None:
        """Wait until `plan.meet` requests wait, and let them all go on."""
        met = self.met
        self.waiting += 1
        if self.waiting == self.plan.meet:
            self.waiting, self.met = 0, asyncio.Event()
            self.meetings += 1
            met.set()
        await met.wait()

    def sell(self, mark: str, kind: str, key: str, content: str) -> str:
        """Count a sale, on disk before the buyer has it."""
        if self.plan.honours_keys and key in self.by_key:
            return self.by_key[key]
        sale = {"mark": mark, "kind": kind, "key": key, "content": content}
        self.sold.append(sale)
        self.by_key[key] = content
        if self.log is not None:
            self.log.write(json.dumps(sale) + "\n")
        if self.plan.die_after is not None and not self.went_on and len(self.sold) >= self.plan.die_after:
            os._exit(9)
        return content

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self.request(reader, writer):
                pass
        writer.close()

    async def request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection ends."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if line.startswith("GET /counts"):
            return await self.reply(writer, 200, json.dumps(self.counts()))
        if line.startswith("POST /plan"):
            self.plan, self.requests, self.sold, self.by_key = Plan(**json.loads(body)), 0, [], {}
            return await self.reply(writer, 200, "{}")
        self.requests += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self.complete(writer, headers, json.loads(body))
        finally:
            self.under_way -= 1

    async def complete(self, writer: asyncio.StreamWriter, headers: dict[str, str], asked: Any) -> bool:
        plan = self.plan
        if plan.always is not None:
            return await self.refuse(writer, plan.always, "as planned")
        for part, (status, words) in plan.filtered.items():
            if part in asked["messages"][0]["content"]:
                return await self.refuse(writer, status, words)
        if plan.no_schema and "response_format" in asked:
            return await self.refuse(writer, 400, "response_format is not known here")
        if plan.most is not None and self.under_way > plan.most:
            self.faults["too many"] += 1
            return await self.refuse(writer, 429, "too many", {"Retry-After": f"{plan.retry_after:g}"})
        fault = self.fault()
        if fault in ("429", "500"):
            return await self.refuse(
                writer,
                int(fault),
                "not now",
                {"Retry-After": f"{plan.retry_after:g}"} if fault == "429" else {},
            )
        if fault == "reset":
            return False
        if fault == "hang":
            await asyncio.sleep(plan.hang)
            return False
        await asyncio.sleep(plan.latency)
        if plan.meet:
            await self.meet()
        if fault == "drip":
            return await self.drip(writer)
        if fault == "wrong_type":
            return await self.reply(
                writer, 200, "<html>one moment please</html>", {"Content-Type": "text/html"}
            )
        if fault == "garbage":
            return await self.reply(writer, 200, '{"object": "something else"}')
        turns = [turn["content"] for turn in asked["messages"]]
        mark, content = answer(plan, turns[0])
        reply: dict[str, Any] = {}
        if plan.replies:
            reply = plan.replies[(self.requests - 1) % len(plan.replies)]
            key = headers.get("authorization", "").removeprefix("Bearer ")
            reply = _filled(reply, {"{key}": key, "{answer}": content})
        if "body" in reply:
            text, kind = reply["body"], reply.get("type", "application/json")
            text = text if isinstance(text, str) else json.dumps(text)
            return await self.reply(writer, reply.get("status", 200), text, {"Content-Type": kind})
        content = reply.get("content", content)
        if fault == "nonsense":
            content = _NONSENSE[self.requests % len(_NONSENSE)]
        kind = "ask" if len(turns) == 1 else "repair"
        if fault != "truncated":
            content = self.sell(mark, kind, headers.get("idempotency-key", ""), content)
        text = json.dumps(
            {
                "id": "fake",
                "object": "chat.completion",
                "created": 0,
                "model": asked["model"],
                "choices": [
                    {
                        "index": 0,
                        "message": reply.get("message", {"role": "assistant", "content": content}),
                        "finish_reason": reply.get("finish", "stop"),
                    }
                ],
                "usage": reply.get("usage", _usage(turns, content)),
            }
        )
        return await self.reply(writer, 200, text[: len(text) // 2] if fault == "truncated" else text)

    async def refuse(
        self, writer: asyncio.StreamWriter, status: int, why: str, headers: dict[str, str] | None = None
    ) -> bool:
        return await self.reply(writer, status, json.dumps({"error": {"message": why}}), headers)

    async def reply(
        self, writer: asyncio.StreamWriter, status: int, text: str, headers: dict[str, str] | None = None
    ) -> bool:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(text.encode()))} | (
            headers or {}
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status} Planned\r\n{lines}\r\n{text}".encode())
        await writer.drain()
        return True

    async def drip(self, writer: asyncio.StreamWriter) -> bool:
        """A byte at a time, each sooner than any timeout for reading; it never ends by itself."""
        length = math.ceil(self.plan.hang / 0.05)
        writer.write(
            f"HTTP/1.1 200 Planned\r\nContent-Type: application/json\r\nContent-Length: {length + 1}\r\n\r\n".encode()
        )
        for _ in range(length):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
        return False


class Running:
    """A fake server in a process of its own, for tests: `with Running(folder, latency=0.01) as fake`.

    Args:
        folder: keeps the log of sales; the same folder goes on with the same log.
        port: 0 for any free one.
        plan: fields of Plan.
    """

    def __init__(self, folder: Path, port: int = 0, **plan: Any) -> None:
        self.log = folder / "sold.jsonl"
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--port", str(port), "--log", str(self.log), "--plan",
             json.dumps(asdict(Plan(**plan)))],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def counts(self) -> dict[str, Any]:
        """What /counts says."""
        with urllib.request.urlopen(self.url.replace("/v1", "/counts"), timeout=10) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def become(self, **plan: Any) -> Running:
        """Forget what was sold, and behave like this from now on."""
        body = json.dumps(asdict(Plan(**plan))).encode()
        urllib.request.urlopen(self.url.replace("/v1", "/plan"), body, timeout=10).close()
        return self

    def sales(self) -> list[dict[str, str]]:
        """What was sold, also by a server that is dead: mark, kind (ask or repair), key, content."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def ended(self) -> bool:
        """Whether the process is dead."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


async def _main(port: int, fake: Fake) -> None:
    server = await asyncio.start_server(fake.serve, "127.0.0.1", port, limit=2**22, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--plan", default="{}")
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(args.port, Fake(Plan(**json.loads(args.plan)), args.log)))
