"""What a browser would make of a page: its elements, its attributes, its text."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "br", "hr"}


class Page(HTMLParser):
    """Elements with their attributes in order, and all text that a person sees."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag

    def handle_data(self, data):
        self._text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        """All text, white space aside."""
        return "".join("".join(self._text).split())


OURS = {"script": {"/static/page.js"}, "link": {"/static/icon.svg", "/static/page.css"},
        "img": {"/overview/agreement.svg", "/overview/time.svg"}}  # fmt: skip
_NEVER = {"style", "iframe", "object", "embed", "svg", "math", "base", "video", "marquee", "template"}


def alive(page: Page) -> list[str]:
    """What on a page is not ours: elements, handlers, styles, links that lead elsewhere."""
    found = []
    for tag, attributes in page.elements:
        address = attributes.get("src") or attributes.get("href") or attributes.get("action") or ""
        if tag in _NEVER or (tag in OURS and address not in OURS[tag]):
            found.append(f"{tag} {attributes}")
        if address and (not address.startswith("/") or address.startswith("//")):
            found.append(f"{tag} leads to {address}")
        if any(name.startswith("on") or name in ("style", "srcdoc", "background") for name in attributes):
            found.append(f"{tag} {attributes}")
    return found
