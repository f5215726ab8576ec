"""Links within the repository lead somewhere, and the map of the source is the source."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

HOME = Path(__file__).parents[2]
DOCUMENTS = sorted(
    HOME / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=HOME, capture_output=True, text=True, check=True
    ).stdout.splitlines()
)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.M)


def _links(document: Path) -> Iterator[str]:
    """What a document links to within the repository."""
    for match in LINK.finditer(CODE.sub("", document.read_text(encoding="utf-8"))):
        target = match[1] or match[2]
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield unquote(target)


def _anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    seen: dict[str, int] = {}
    anchors = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in re.findall(r"^#+\s+(.*?)\s*#*$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return anchors


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HOME)))
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    dead = []
    for link in _links(document):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def test_links_are_seen() -> None:
    assert sum(len(list(_links(document))) for document in DOCUMENTS) > 10


def test_contributing_names_every_room_of_the_source() -> None:
    rooms = {
        path.name
        for path in (HOME / "src" / "realign").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert len(rooms) <= 12
    text = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8")
    house = re.search(r"^src/realign/\n((?:  .*\n)+)", text, re.M)
    assert house
    assert set(re.findall(r"^  ([a-z_]+)/ ", house[1], re.M)) == rooms
