"""Queues, and votes on them as the page writes them down."""

from collections.abc import Sequence

import pandas as pd

from realign.store import ids, schemas
from realign.store.ledger_rows import label_id, typed

Messages = list[dict[str, str]]

HOSTILE = (
    '=HYPERLINK("http://127.0.0.1","click")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\tindented",
    "\rreturn",
    "'quoted",
    "'=both",
    "''",
    '"',
    'a "quote", a comma;\na line\r\nanother\n\n',
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} ${x} $prompt",
    "𝔘nicode ‮ \u200b \x1b[31m é é",
    "[not json",
    '[{"role": "user", "content": "looks like messages"}]',
    "null",
    "1e5",
    "x" * 300_000,
)


def queue(prompts: Sequence[str | Messages] = HOSTILE, texts: Sequence[str] = HOSTILE) -> pd.DataFrame:
    """One pair a prompt; its responses are taken from `texts` in turn."""
    rows = []
    for number, prompt in enumerate(prompts):
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        id_ = ids.prompt_id(messages)
        by_id = {
            ids.response_id(id_, text): text
            for text in (texts[number % len(texts)], texts[(number + 1) % len(texts)])
        }
        first, second = ids.shown_order(id_, *by_id)
        rows.append((
            ids.pair_id(id_, first, second), id_, ids.dump_messages(messages), first, second, by_id[first],
            by_id[second], float(number % 3), "a" if number % 4 == 0 else None,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=schemas.QUEUE.names)


def votes(pairs: pd.DataFrame, comments: Sequence[str | None] = (*HOSTILE, "", None)) -> pd.DataFrame:
    """Two people on every second pair, one asked twice; every outcome and confidence is there."""
    rows = []
    winners, sure = ("a", "b", "tie", "both_bad", "abstain"), (None, 1, 2, 3)
    for number, pair in enumerate(pairs.iloc[::2].itertuples()):
        for who, occasion in (("ann", 0), ("ann", 1), ("=bob ü", 0)):
            place = len(rows)
            winner = winners[place % 5]
            rows.append({
                "label_id": label_id(pair.pair_id, "page", who, occasion),
                "pair_id": pair.pair_id, "prompt_id": pair.prompt_id, "fingerprint": "page", "kind": "human",
                "labeler": "human", "annotator": who, "occasion": occasion, "winner": winner,
                "p_a": {"a": 1.0, "b": 0.0}.get(winner, 0.5), "rationale": comments[place % len(comments)],
                "confidence": sure[place % 4], "calls": 0, "tokens_in": 0, "tokens_out": 0, "price": 0.0,
                "seconds": 0.1 + number, "given_at": f"2030-01-01T00:00:{place:02}.250+00:00",
            })  # fmt: skip
    return typed(pd.DataFrame(rows, columns=schemas.LEDGER.names))
