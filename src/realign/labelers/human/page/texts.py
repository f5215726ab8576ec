"""Untrusted text for a page: hidden characters become visible, and nothing in it is executed or loaded."""

import difflib
import functools
import re
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from realign.data.text import cut, seen

LONGEST = 20_000
"""Characters of a text that a view shows at first: longer markdown could keep the browser busy."""
COMPARED = 2_000
"""Words of each text that are compared: difflib's time grows with their product."""

_BLOCK = 5_000

TAGS = {
    "p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def markdown(text: str) -> Markup:
    """A response with its formatting. Links, images and HTML are shown as source text.

    People should see where a link leads, and nothing may be fetched or clicked.
    """
    html = _parser().render(cut(seen(text), LONGEST))
    return Markup(nh3.clean(html, tags=TAGS, attributes={"ol": {"start"}}, link_rel=None))


def plain(text: str, whole: bool = False) -> Markup:
    """A text as it was written, character by character."""
    shown = seen(text) if whole else cut(seen(text[: LONGEST + 1]), LONGEST)
    return Markup("").join(Markup("<pre>{}</pre>").format(part) for part in _parts(shown))


def difference(left: str, right: str) -> tuple[Markup, Markup]:
    """Both texts, with the words that only one of them has marked."""
    words = [_words(left), _words(right)]
    bare, other = ([word.strip() for word in side] for side in words)
    matcher = difflib.SequenceMatcher(None, bare, other)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        for out, side, (start, end), tag in zip(sides, words, ((a, b), (c, d)), ("del", "ins"), strict=True):
            run = "".join(side[start:end])
            if run:
                out.append(escape(run) if kind == "equal" else Markup(f"<{tag}>{{}}</{tag}>").format(run))
    first, second = (Markup("<pre>{}</pre>").format(Markup("").join(side)) for side in sides)
    return first, second


def _parts(text: str) -> list[str]:
    """A text in blocks that a browser can lay out one by one, broken at line ends where there are any."""
    parts = []
    while len(text) > _BLOCK:
        end = text.rfind("\n", 0, _BLOCK)
        parts.append(text[: end if end > 0 else _BLOCK])
        text = text[end + 1 if end > 0 else _BLOCK :]
    return [*parts, text]


def _words(text: str) -> list[str]:
    words = re.findall(r"\S+\s*|\s+", cut(seen(text[: LONGEST + 1]), LONGEST))
    return words if len(words) <= COMPARED else [*words[:COMPARED], " …"]


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable(["table", "strikethrough"])
    parser.disable(["link", "image", "autolink", "reference"])
    parser.add_render_rule("fence", _fence)
    return parser


def _fence(_self: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    """A block of code with its language shown, since text could be hidden there."""
    token = tokens[index]
    language = Markup("<strong>{}</strong>\n").format(token.info.strip()) if token.info.strip() else ""
    return str(Markup("<pre>{}<code>{}</code></pre>\n").format(language, token.content))
