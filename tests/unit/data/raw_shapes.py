"""Rows in the shapes that people really have: `ROWS[shape](n)` is the n-th of a file."""


def _texts(number):
    """A good response and a bad one, which is now the shorter and now the longer one."""
    more = ", and no time to look for what it is that makes it drip" * (number % 2)
    return f"Change the washer of tap {number}, then close it.", f"No idea about {number}{more}."


def _question(number):
    return f"How do I mend tap number {number}?"


def _talk(number):
    return [
        {"role": "user", "content": f"My tap {number} drips."},
        {"role": "assistant", "content": "Which one?"},
        {"role": "user", "content": "The one in the kitchen."},
    ]


def _transcript(number, answer):
    turns = "".join(
        f"\n\n{'Human' if t['role'] == 'user' else 'Assistant'}: {t['content']}" for t in _talk(number)
    )
    return f"{turns}\n\nAssistant: {answer}"


def hh(number):
    """Transcripts, as they are published."""
    good, bad = _texts(number)
    return {"chosen": _transcript(number, good), "rejected": _transcript(number, bad)}


def hh_stripped(number):
    """Without the blank line before the first turn."""
    return {side: text.strip() for side, text in hh(number).items()}


def shp(number):
    """The better comment is now A, now B."""
    good, bad = _texts(number)
    a, b = (good, bad) if number % 2 else (bad, good)
    return {"post_id": str(number), "history": _question(number), "human_ref_A": a, "human_ref_B": b,
            "score_A": 5 + 4 * (number % 2), "score_B": 9 - 4 * (number % 2), "labels": number % 2}  # fmt: skip


def trl_text(number):
    """Explicit prompt, texts."""
    good, bad = _texts(number)
    return {"prompt": _question(number), "chosen": good, "rejected": bad}


def trl_text_implicit(number):
    """No prompt, and texts that begin alike."""
    good, bad = _texts(number)
    return {"chosen": f"{_question(number)} {good}", "rejected": f"{_question(number)} {bad}"}


def trl_messages(number):
    """Explicit prompt, messages."""
    good, bad = _texts(number)
    return {"prompt": _talk(number), "chosen": [{"role": "assistant", "content": good}],
            "rejected": [{"role": "assistant", "content": bad}]}  # fmt: skip


def trl_messages_implicit(number):
    """No prompt, whole conversations, with scores."""
    row = trl_messages(number)
    return {"chosen": row["prompt"] + row["chosen"], "rejected": row["prompt"] + row["rejected"],
            "score_chosen": 8.5, "score_rejected": 3.0 + number % 3}  # fmt: skip


def binarized(number):
    """The prompt as text, beside whole conversations that begin with it."""
    good, bad = _texts(number)
    user = {"role": "user", "content": _question(number)}
    return {"prompt": user["content"], "chosen": [user, {"role": "assistant", "content": good}],
            "rejected": [user, {"role": "assistant", "content": bad}]}  # fmt: skip


def orca(number):
    """A system prompt and a question."""
    good, bad = _texts(number)
    return {"system": "Be brief.", "question": _question(number), "chosen": good, "rejected": bad}


def openai(number):
    """Content parts, a developer's message, no tool call."""
    good, bad = _texts(number)
    parts = [{"type": "text", "text": _question(number)}, {"type": "text", "text": "It drips."}]
    rule = {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}
    return {
        "input": {"messages": [rule, {"role": "user", "content": parts}],
                  "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": good, "tool_calls": None}],
        "non_preferred_output": [{"role": "assistant", "content": bad}],
    }  # fmt: skip


def ultrafeedback(number):
    """One aspect is not rated."""

    def completion(text, overall, rating):
        return {"model": "m", "response": text, "overall_score": overall, "fine-grained_score": 3.0,
                "annotations": {"helpfulness": {"Rating": rating}, "honesty": {"Rating": "N/A"}}}  # fmt: skip

    good, bad = _texts(number)
    return {"source": "evol", "instruction": _question(number), "models": ["m", "m"],
            "completions": [completion(good, 7.5, "4"), completion(bad, 2.0 + number % 3, "1"),
                            completion(f"Call somebody about {number}.", 5, "2")]}  # fmt: skip


def helpsteer2(number):
    """Two rows a prompt, every third prompt has several turns."""
    text = _texts(number // 2)[number % 2]
    prompt = _question(number // 2)
    if number // 2 % 3 == 0:
        prompt += "\n<extra_id_1>Assistant\nWhich one?\n<extra_id_1>User\nThe one in the kitchen."
    return {"prompt": prompt, "response": text, "helpfulness": 4 - 3 * (number % 2), "correctness": 3,
            "coherence": 4, "complexity": 1, "verbosity": 2 - number % 2}  # fmt: skip


def helpsteer3(number):
    """The better response is now the first, now the second."""
    good, bad = _texts(number)
    first, second, preference = (good, bad, -2) if number % 2 else (bad, good, 3)
    people = [{"score": preference, "reasoning": "r"}, {"score": 1, "reasoning": "r"}]
    return {"domain": "general", "language": "english", "context": _talk(number), "response1": first,
            "response2": second, "overall_preference": preference, "individual_preference": people}  # fmt: skip


def distilabel(number):
    """A rating for each generation; one generation was not rated."""
    good, bad = _texts(number)
    return {"instruction": _question(number), "generations": [good, bad, f"Hm, {number}."],
            "generation_models": ["a", "b", "c"], "ratings": [5, 1 + number % 3, None],
            "distilabel_metadata": {"raw": None}}  # fmt: skip


def argilla(number):
    """A choice by one person, and a draft that does not count."""
    good, bad = _texts(number)
    return {
        "id": str(number), "status": "completed",
        "fields": {"prompt": _question(number), "response1": bad, "response2": good},
        "responses": {"better": [{"value": "response2", "user_id": "ann", "status": "submitted"},
                                 {"value": "response1", "user_id": "ben", "status": "draft"}]},
    }  # fmt: skip


def argilla_flat(number):
    """A ranking in flat columns, as on the hub."""
    good, bad = _texts(number)
    ranks = [{"value": "reply-2", "rank": 1}, {"value": "reply-1", "rank": 2}]
    return {"instruction": _question(number), "reply-1": bad, "reply-2": good, "external_id": None,
            "ranking": [{"user_id": "ann", "value": ranks, "status": "submitted"}],
            "ranking-suggestion": None}  # fmt: skip


def multi(number):
    """Two annotators, one of whom did not score everything."""
    good, bad = _texts(number)
    return {"messages": _talk(number), "responses": [
        {"text": good, "score": 4, "generator": None, "scores": {"ann": 5, "bob": None}},
        {"text": bad, "score": 1, "generator": "m", "scores": {"ann": 2, "bob": None}},
    ]}  # fmt: skip


ROWS = {
    "hh": [hh, hh_stripped],
    "shp": [shp],
    "trl": [trl_text, trl_text_implicit, trl_messages, trl_messages_implicit, binarized, orca],
    "openai": [openai],
    "ultrafeedback": [ultrafeedback],
    "helpsteer2": [helpsteer2],
    "helpsteer3": [helpsteer3],
    "distilabel": [distilabel],
    "argilla": [argilla, argilla_flat],
    "multi": [multi],
}
"""Every shape's rows, in the forms that it comes in."""
