"""The page: one file, the same bytes each time, and nothing of data or model comes alive in it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import world

from realign.pipeline.stages import report
from realign.report import charts
from realign.report.page import figure, percent
from realign.store import ids, schemas

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "handler": "<img src=x onerror=alert(2)>",
    "closing": "</pre></div></body><script>alert(3)</script>",
    "link": '<a href="http://evil.example/">x</a>',
    "attribute": '" onmouseover="alert(4)" x=\'',
    "template": "{{ 7 * 191 }}{% for x in y %}{# gone #}",
    "bidi": "safe \u202etxet\u202c \u2066x\u2069",
    "nul": "a\0b",
    "ansi": "\x1b[31mred\x1b[0m",
    "invisible": "zero\u200bwidth\ufeff",
    "style": "<style>body{display:none}</style><!-- ",
    "entity": "&lt;b&gt; &amp;amp;",
}
ALL = "\n".join(HOSTILE.values())


def measured(value=0.5):
    return {
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "n": 9,
        "method": "bootstrap BCa over prompts",
    }


def inputs(text="plain", **changes):
    """Everything that the report reads, with `text` wherever data or a model could have put it."""
    tables = world(train=3, held_out=2, k=2)
    tables.prompts["messages"] = [
        ids.dump_messages([{"role": "user", "content": f"{number} {text}"}]) for number in range(5)
    ]
    pairs, labels, preferences = [], [], []
    for prompt, part in tables.responses.groupby("prompt_id"):
        a, b = part["response_id"]
        pair = ids.pair_id(prompt, a, b)
        pairs.append(("train", "easy", pair, prompt, a, b, 0.5, 0.1, None, 1, 1, 1))
        labels.append(("train", "easy", pair, prompt, "a", 0.9, "test", "b", 0.2))
        preferences.append((pair, prompt, tables.prompts.set_index("prompt_id").loc[prompt, "messages"], a, b,
                            f"chosen {text}", f"rejected {text}", 0.9, "test", 0.5, 3, 4))  # fmt: skip
    judgements = [
        (p, 0, f"base {text}", f"policy {text}", 0.2, 0.4, 1.0, 3, 4, 0.1)
        for p in tables.prompts["prompt_id"]
    ]
    quarantine = pd.DataFrame(
        [("row", f"file line 1 {text}", "not_json", text)], columns=schemas.QUARANTINE.names
    )
    bins = np.linspace(-1, 1, 41)
    tally = {"pair": {"in": 3, "out": 2, "quarantined": {"blank": 1}}}
    gates = {
        "gate": "pairs",
        "expectations": [
            {"level": "row", "reason": "blank", "expectation": f"regex({text!r})", "success": False,
             "failing_rows": 1, "observed": None}
        ],
    }  # fmt: skip
    strategies = {name: dict.fromkeys(
        ("label_error", "ties", "longer_wins", "abs_log_length_ratio", "similarity", "gold_gap"), measured()
    ) for name in ("easy", "hard")}  # fmt: skip
    whole = {
        "prompts": tables.prompts,
        "responses": tables.responses.assign(text=text),
        "pairs": pd.DataFrame(pairs, columns=schemas.PAIRS.names),
        "labels": pd.DataFrame(labels, columns=schemas.LABELS.names),
        "preferences": pd.DataFrame(preferences, columns=schemas.PREFERENCES.names),
        "judgements": pd.DataFrame(judgements, columns=schemas.JUDGEMENTS.names),
        "margins": pd.DataFrame([], columns=schemas.MARGINS.names),
        "plot_similarity": pd.DataFrame(
            [(name, i, bins[i], bins[i + 1], i) for name in ("all", "easy", "hard") for i in range(40)],
            columns=schemas.HISTOGRAM.names,
        ),
        "plot_lengths": pd.DataFrame(
            [("easy", side, i, float(i), i + 1.0, i) for side in ("chosen", "rejected") for i in range(20)],
            columns=schemas.LENGTHS.names,
        ),
        "plot_training": pd.DataFrame(
            [(1, 0.7, 0.0, 0.5, 0.1, 1.0), (2, 0.6, 0.1, 0.6, 0.05, 1.0)], columns=schemas.CURVE.names
        ),
        "metrics": {
            "model": {name: measured() for name in report.FIGURES},
            "strategies": strategies,
            "by_similarity": [
                {"low": 0.1, "high": 0.2, "pairs": 9, "label_error": measured(), "ties": measured(),
                 "abs_log_length_ratio": None}
            ],
            "factors": {
                "strategy": {name: {"words": measured(), "hedges": None} for name in ("easy", "hard")},
                "labeler": {text: {"words": measured(), "hedges": None}},
            },
            "calibration": {
                "ece": 0.1, "ece_scaled": None, "temperature": 2.0,
                "curve": [{"from": 0.5, "to": 0.6, "p": 0.55, "accuracy": measured()}],
            },
            "scorer": {"kind": "rule", "held_out_accuracy": measured(0.7)},
            "labeler": text,
            "beta": 0.1,
            "confidence": 0.95,
            "resamples": 200,
            "seed": 7,
        },
        "rewards": pd.DataFrame(columns=schemas.REWARDS.names),
        "pilot": pd.DataFrame(columns=schemas.PILOT.names),
        "labeling": {"labeler": "oracle", "outcomes": {"a": 3, "both_bad": 1}, "by": {text: 4}, "known_pairs": None},
    }  # fmt: skip
    whole |= {
        f"quarantine_{stage}": quarantine for stage in ("prepare", "generate", "select", "validate", "label")
    }
    whole |= {f"tally_{stage}": tally for stage in ("prepare", "generate", "select", "validate", "label")}
    whole |= {f"gate_{name}": gates for name in ("responses", "pairs", "preferences")}
    return whole | changes


def page(text="plain", title="A run", **changes):
    settings = {"strategy": "easy", "audit": ["hard"], **under("report", title=title, examples=4)}
    return run_stage("report", None, Path("none"), settings, **inputs(text, **changes)).report


@pytest.fixture
def no_charts(monkeypatch):
    """Without pictures, which take longest."""
    monkeypatch.setattr(charts, "svg", lambda *_, **__: "<svg></svg>")


@pytest.fixture(scope="module")
def hostile():
    return page(ALL, title=f"run {HOSTILE['script']} {HOSTILE['attribute']}")


@pytest.fixture(scope="module")
def plain():
    return page()


class Parsed(HTMLParser):
    """Tags, attributes and text as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.said = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.said.append(data)


def test_nothing_hostile_becomes_markup(hostile, plain):
    parsed, harmless = Parsed(hostile), Parsed(plain)
    assert parsed.tags == harmless.tags
    assert "script" not in parsed.tags
    assert "<script" not in hostile
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert len(parsed.attributes) == len(harmless.attributes)


def test_hostile_text_is_shown_as_what_it_is(hostile):
    said = "".join(Parsed(hostile).said)
    for name in ("script", "handler", "closing", "link", "template", "style", "entity", "attribute"):
        assert said.count(HOSTILE[name]) >= 10, name
    assert "1337" not in said
    for place in ("chosen ", "rejected ", "base ", "policy ", "file line 1 ", "0 "):
        assert f"{place}<script>alert(1)</script>" in said


def test_what_cannot_be_seen_is_shown_by_its_code(hostile):
    aside = hostile[hostile.index("Quarantined rows") : hostile.index("The gates")]
    shown = hostile[hostile.index("Pairs side by side") :]
    assert not set("\0\x1b\u202e\u202c\u2066\u2069\u200b\ufeff") & set(aside)
    for character in "\0\x1b\u202e\u202c\u2066\u2069\u200b\ufeff":
        assert character not in shown
        assert f"⟨U+{ord(character):04X}⟩" in shown


def test_the_page_asks_for_nothing_from_outside(hostile):
    parsed = Parsed(hostile)
    fetching = [
        (name, value)
        for name, value in parsed.attributes
        if name in ("src", "href", "data", "action", "xlink:href")
    ]
    assert all(value.startswith("#") for _, value in fetching)
    # Names of vocabularies inside the pictures are never fetched; nothing else may look like an address.
    addresses = [(name, value) for name, value in parsed.attributes if re.search(r"https?:|//", value)]
    assert [a for a in addresses if not a[0].startswith("xmlns") and a[0] != "rdf:resource"] == []
    assert not re.search(r"url\(\s*['\"]?(?!#)", hostile)
    assert "@import" not in hostile
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in parsed.attributes
    assert not {"iframe", "object", "embed", "link", "form", "base"} & parsed.tags


def test_the_same_input_gives_the_same_bytes_and_another_input_others(plain, hostile):
    assert page() == plain != hostile
    curve = inputs()["plot_training"]
    drawn = charts.training(curve)
    assert drawn in plain
    assert charts.training(curve.assign(loss=[0.9, 0.2])) != drawn


def test_a_long_text_is_cut(no_charts):
    long = page("x" * 3000)
    assert "x" * 1195 in long
    assert "x" * 1201 not in long[long.index("Pairs side by side") :]
    assert " …" in long


def test_figures_that_are_not_known_are_said_so(no_charts):
    strategies = {name: dict.fromkeys(
        ("label_error", "ties", "longer_wins", "abs_log_length_ratio", "similarity", "gold_gap")
    ) for name in ("easy", "hard")}  # fmt: skip
    metrics = inputs()["metrics"]
    text = page(
        metrics=metrics
        | {
            "model": dict.fromkeys(metrics["model"]),
            "strategies": strategies,
            "scorer": {"kind": "rule", "held_out_accuracy": None},
        }
    )
    assert text.count("not known") >= 13 + 3 + len(report.FIGURES)
    assert "The scorer itself agrees" not in text


def test_a_label_against_the_gold_label_is_marked(no_charts):
    text = page()
    assert text.count("the gold label disagrees") == 4
    labels = inputs()["labels"]
    agreed = labels.assign(gold="a")
    assert "the gold label disagrees" not in page(labels=agreed)


def test_only_the_strategies_of_this_run_are_shown(no_charts):
    metrics = inputs()["metrics"]
    more = metrics | {"strategies": metrics["strategies"] | {"centroid": metrics["strategies"]["easy"]}}
    text = page(metrics=more)
    assert '<th scope="row">hard</th>' in text
    assert '<th scope="row">centroid</th>' not in text


def test_a_training_that_logged_nothing_can_be_shown():
    empty = pd.DataFrame([], columns=schemas.CURVE.names).astype(float)
    assert charts.training(empty).startswith("<svg")


def test_figures_as_words():
    value = {"value": 0.12345, "low": 0.1, "high": 0.15}
    assert figure(value) == "0.123 [0.100,\u00a00.150]"
    assert percent(value) == "12.3 % [10.0,\u00a015.0]"
    assert figure(None) == percent(None) == "not known"


def test_the_page_says_how_the_labels_came_about(no_charts):
    calibration = {"n": 40, "ece": 0.123}
    figures = dict.fromkeys(
        ("accuracy", "coverage", "consistency", "position_bias", "unanswered"), measured(0.875)
    )
    labeling = {
        "labeler": "cascade",
        "outcomes": {"a": 3, "both_bad": 1},
        "by": {"a judge": 3, "human (majority)": 1},
        "known_pairs": {"pairs": 40, **figures, "length": {"bias": None}, "calibration": calibration},
        "judge": {"consistency": measured(0.75), "position_bias": None, "calls": 82, "tokens_in": 900, "tokens_out": 100,
                  "money": 0.25, "labels": {"abstain": 2, "over_budget": 7}},
        "cascade": {"pairs": 20, "doubtful": 4, "audited": 3, "not_looked_at": 13, "saved": 0.65,
                    "error_of_rest": measured(0.125)},
        "people": {"votes": 9, "annotators": 2, "consensus": "dawid_skene", "alpha": None},
        "quality_head": {"agreement_with_unseen_labels": measured(0.625)},
    }  # fmt: skip
    text = " ".join(page(labeling=labeling).split())
    for words in ("gave the same label in 75.0 % [", "82 calls, 1000 tokens and 0.25 in money", "7 pairs were over",
                  "4 doubtful pairs and 3 pairs drawn for an audit; the other 13 of 20", "(65.0 %) were left to the judge",
                  "12.5 %",
                  "9 votes of 2 people, consensus by dawid skene", "alpha not known", "62.5 %",
                  "40 pairs with a known answer", "87.5 %", "0.123", "1 both bad"):  # fmt: skip
        assert words in text, words


def test_the_page_shows_what_labels_reward_and_how_sure_the_policy_is(no_charts):
    text = " ".join(page().split())
    for words in (
        "the similarity of the two responses:",
        "What the labels reward",
        "0.100 to 0.200",
        '<th scope="row">hedges</th>',
        "calibration error 0.100",
    ):
        assert words in text, words
    bare = inputs("plain")["metrics"] | {"by_similarity": [], "calibration": None}
    without = page(metrics=bare)
    assert "calibration error 0" not in without and "the similarity of the two responses:" not in without


def test_the_property_that_labels_reward_most_comes_first():
    audit = {
        "strategy": {
            "easy": {"words": {"value": 0.1}, "hedges": {"value": -0.3}, "digits": None, "commas": None}
        },
        "labeler": {"judge": {"words": {"value": -0.2}, "hedges": {"value": 0.0}, "digits": {"value": 0.25}}},
    }
    assert charts.strongest(audit) == ["hedges", "digits", "words", "commas"]
