"""The page as people use it: a real server, a real browser, the keyboard alone."""

from collections.abc import Iterator
from pathlib import Path

import annotate_browser
import pytest
from annotate_browser import ESCAPE, PHONE, Browser, browser
from annotate_server import Server, pair, plain_batch, publish

from realign.config.params import People
from realign.labelers.human.page.store import Store

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not (annotate_browser.CHROMIUM and annotate_browser.DRIVER),
        reason="chromium and chromedriver are not here",
    ),
]

ONE_VOTE = People(
    min_votes=1, min_share=1.0, gold_share=0.0, repeat_share=0.0, consensus="majority", audit=False
)
HOSTILE = (
    "<script>document.title = 'owned'</script> <img src=x onerror=\"document.title = 'owned'\"> "
    "<svg onload=\"document.title = 'owned'\"></svg> [a](javascript:document.title='owned') {{7*7}} "
    "\u202ereversed\u202c zero\u200bwidth \x1b[31mred <a href='https://example.org/'>leave</a>"
)

HIDDEN = ("<script>document.title", "onerror=", "javascript:", "{{7*7}}", "⟨U+202E⟩", "⟨U+200B⟩", "⟨U+001B⟩")


@pytest.fixture(scope="module")
def person() -> Iterator[Browser]:
    """One browser for the tests that need no more; each enters as somebody of its own."""
    with browser() as found:
        yield found


def enter(who: Browser, server: Server, name: str) -> None:
    """By the link, past the instructions, with the Enter key."""
    who.open(server.links[name])
    assert name in who.text("h1")
    who.answer("\n")


def pick_better(who: Browser) -> str:
    """The key of the side that says of itself that it is good."""
    return "1" if "good" in who.text("[aria-label='left response'] .text") else "2"


def test_a_person_labels_thirty_pairs_with_the_keyboard_alone(tmp_path: Path) -> None:
    batch = plain_batch(tmp_path, pairs=30)
    expected: dict[str, str] = {}

    def answer(who: Browser, *before: str) -> None:
        key = pick_better(who)
        expected[who.shown()] = {"1": "a", "2": "b"}[key]
        who.answer(*before, key)

    with Server(tmp_path, ["anna"]) as server:
        with browser() as who:
            enter(who, server, "anna")
            for _ in range(9):
                answer(who)
            tie = who.shown()
            who.answer("3")
            bad = who.shown()
            who.answer("4")
            expected |= {tie: "tie", bad: "both_bad"}
            assert "11 answered" in who.text(".bar")

            skipped = who.shown()
            who.answer("s")
            assert who.shown() != skipped
            assert "last: skipped" in who.text(".answer")
            answer(who)

            wrong = who.shown()
            who.answer("1" if pick_better(who) == "2" else "2")
            who.answer("u")
            assert who.shown() == wrong, "undo did not bring the pair back"
            assert "12 answered" in who.text(".bar")
            answer(who)

            who.press("e", "c")
            who.press(*"1 is too short")  # a digit in a comment is no vote
            who.press(ESCAPE)
            commented = who.shown()
            who.one("input[name=confidence]:checked").send_keys("\n")  # the Enter key in a field is no vote
            who.driver.refresh()
            assert "13 answered" in who.text(".bar")
            assert who.shown() == commented
            who.driver.refresh()
            assert who.shown() == commented, "a reload led to another pair"
            assert who.one("textarea").get_attribute("value") == "1 is too short"
            answer(who)

            who.answer("d")
            assert who.has("del, ins")
            halfway = who.shown()
            answer(who, "q")
            assert "view=difference" in who.driver.current_url
            who.answer("p")
            waiting = who.shown()
            assert who.complaints() == []
            who.close_tab()
            who.open(server.address)
            assert who.shown() == waiting, "a closed tab lost the place"
        with browser() as who:  # another day, another browser
            enter(who, server, "anna")
            assert who.shown() == waiting, "who comes back is asked something else"
            while who.has("input[name=pair]"):
                answer(who)
            assert "nothing left" in who.text("h1")
            with who.next_page():
                who.one("button[formaction='/unskip']").send_keys("\n")
            assert who.shown() == skipped
            answer(who)
            assert "29" not in who.text(".bar")
            assert "30 answered" in who.text(".bar")
            assert who.complaints() == []

    store = Store(tmp_path / "votes.sqlite")
    votes = store.votes().set_index("pair_id")
    assert votes["winner"].to_dict() == expected
    assert set(expected) == set(batch["pair_id"])
    assert store.missing(ONE_VOTE) == 0
    assert votes.loc[commented, ["confidence", "rationale"]].tolist() == [3, "1 is too short"]
    assert votes.loc[halfway, "confidence"] == 1
    assert votes["confidence"].notna().sum() == 2


def test_two_people_share_a_batch_and_never_get_the_same_pair(person: Browser, tmp_path: Path) -> None:
    plain_batch(tmp_path, pairs=12)
    shown: dict[str, list[str]] = {"anna": [], "ben": []}
    with Server(tmp_path, ["anna", "ben"]) as server, browser() as other:
        enter(person, server, "anna")
        enter(other, server, "ben")
        both = {"anna": person, "ben": other}
        while any(who.has("input[name=pair]") for who in both.values()):
            for name, who in both.items():
                if who.has("input[name=pair]"):
                    shown[name].append(who.shown())
                    who.answer(pick_better(who))
        assert "nothing left" in person.text("h1")
    assert len(shown["anna"]) == len(shown["ben"]) == 6
    assert len({*shown["anna"], *shown["ben"]}) == 12
    votes = Store(tmp_path / "votes.sqlite").votes()
    assert votes["annotator"].value_counts().to_dict() == {"anna": 6, "ben": 6}


def test_on_a_phone_nothing_is_wider_than_the_screen(person: Browser, tmp_path: Path) -> None:
    table = "| a | b |\n|-|-|\n" + "| " + "wide " * 40 + "| " + "x" * 300 + " |\n"
    rows = [
        pair(0, "w" * 500, "unbroken" * 200, "```\n" + "code " * 200 + "\n```", 1.0),
        pair(1, "a table?", table, "# " + "heading" * 50, 0.5),
    ]
    publish(tmp_path, rows)
    with Server(tmp_path, ["anna"]) as server:
        person.resize(*PHONE)
        try:
            person.open(server.links["anna"])
            assert person.overflow() == 0
            for _ in rows:
                for view in ("formatted", "plain", "difference"):
                    person.open(f"{server.address}/?view={view}")
                    assert person.overflow() == 0, view
                left, right = (
                    person.one(f"[aria-label='{side} response']").rect for side in ("left", "right")
                )
                assert right["y"] >= left["y"] + left["height"], "the responses are not stacked"
                button = person.one("button[value=left]")
                assert button.rect["height"] >= 44, "too small for a thumb"
                with person.next_page():
                    button.click()
            person.open(server.links["lead"])
            person.open(f"{server.address}/overview")
            assert "Overview" in person.text("h1")
            assert person.overflow() == 0
            assert person.complaints() == []
        finally:
            person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_hostile_text_stays_text_in_a_browser(person: Browser, tmp_path: Path) -> None:
    publish(tmp_path, [pair(0, f"prompt {HOSTILE}", f"first {HOSTILE}", f"second {HOSTILE}", 1.0)])
    with Server(tmp_path, ["anna", "ben"], "--min-votes", "2") as server:
        for name, key in (("anna", "1"), ("ben", "2")):
            enter(person, server, name)
            for view in ("formatted", "plain", "difference"):
                person.open(f"{server.address}/?view={view}")
                text = person.text("main")
                for part in HIDDEN:
                    assert text.count(part) == 3, (view, part)
                assert not person.has("main script, main img, main svg, main .text a")
            person.press("c", "<script>document.title = 'owned'</script>", ESCAPE)
            person.answer(key)
        person.open(server.links["lead"])
        person.open(f"{server.address}/overview")
        text = person.text("main")
        assert text.count("<script>document.title") == 5  # prompt, both responses, both comments
        assert person.driver.title == "Overview"
        assert all(
            person.driver.execute_script("return arguments[0].naturalWidth > 0", image)
            for image in person.driver.find_elements("tag name", "img")
        )
        assert person.complaints() == []


def test_a_megabyte_does_not_hang_the_page(person: Browser, tmp_path: Path) -> None:
    publish(tmp_path, [pair(0, "long?", "x" * 1_000_000, "word " * 200_000, 1.0)])
    with Server(tmp_path, ["anna"]) as server:
        enter(person, server, "anna")
        assert len(person.driver.page_source) < 100_000
        person.driver.set_page_load_timeout(20)
        person.open(person.one(".views a:last-child").get_attribute("href") or "")
        script = (
            "return Array.from(document.querySelectorAll('.sides pre')).map((e) => e.textContent).join('')"
        )
        assert person.driver.execute_script(script) in (
            "x" * 10**6 + "word " * 200_000,
            "word " * 200_000 + "x" * 10**6,
        )
        person.answer("1")
        assert "nothing left" in person.text("h1")
