"""Untrusted text: visible as it is, formatted where that is harmless, never alive."""

import time
from types import SimpleNamespace

import pytest
from annotate_hostile import as_seen, hostile
from annotate_page import Page, alive

from realign.data.text import seen
from realign.labelers.human.page import texts


def shown(markup):
    return Page(str(markup))


def test_every_hostile_string_reads_as_it_is_written():
    for text in hostile():
        page = shown(texts.plain(text, whole=True))
        assert page.text == as_seen(text)
        assert {tag for tag, _ in page.elements} == {"pre"}


def test_markdown_of_hostile_strings_has_harmless_elements_alone():
    for text in hostile():
        page = shown(texts.markdown(text))
        assert alive(page) == []
        assert {tag for tag, _ in page.elements} <= texts.TAGS
        assert all(set(attributes) <= {"start"} for _, attributes in page.elements)


@pytest.mark.parametrize("gone", ["parser", "sanitiser"])
def test_either_guard_is_enough_alone(monkeypatch, gone):
    if gone == "parser":
        monkeypatch.setattr(texts, "_parser", lambda: SimpleNamespace(render=str))
    else:
        monkeypatch.setattr(texts.nh3, "clean", lambda html, **_: html)
    for text in hostile():
        if len(text) < texts.LONGEST:
            assert alive(shown(texts.markdown(text))) == []


def test_markdown_hides_nothing_of_what_is_dangerous():
    for text in hostile():
        if len(text) > texts.LONGEST:
            continue
        page = shown(texts.markdown(text)).text
        assert text[-7:] in page
        for part in ("script", "alert(1)", "evil.example", "onerror", "srcdoc", "7*7"):
            assert page.lower().count(part) == as_seen(text).lower().count(part), (part, text)


def test_differences_of_hostile_strings_keep_both_texts():
    for text in hostile():
        other = text[::-1] + " x"
        left, right = (shown(side) for side in texts.difference(text, other))
        if len(text) < texts.LONGEST:
            assert (left.text, right.text) == (as_seen(text), as_seen(other))
        assert {tag for page in (left, right) for tag, _ in page.elements} <= {"pre", "del", "ins"}


def test_markdown_looks_as_it_was_meant():
    html = str(texts.markdown("**b** *i* `c`\n\n3. x\n\n```py\n1 < 2\n```\n\n|h|\n|-|\n|~~d~~|"))
    for part in ("<strong>b</strong>", "<em>i</em>", "<code>c</code>", '<ol start="3">', "<strong>py</strong>",
                 "1 &lt; 2", "<th>h</th>", "<s>d</s>"):  # fmt: skip
        assert part in html


def test_words_that_one_side_alone_has_are_marked():
    left, right = texts.difference("the cat sat", "the dog sat")
    assert str(left) == "<pre>the <del>cat </del>sat</pre>"
    assert str(right) == "<pre>the <ins>dog </ins>sat</pre>"
    same = texts.difference("a <b>\n c", "a  <b> c")
    assert "<del>" not in str(same[0]) and "<ins>" not in str(same[1]), "white space alone is no difference"


def test_a_long_text_is_cut_and_there_as_a_whole_on_request():
    text = "line\n" * 10_000
    assert len(shown(texts.plain(text)).text) < texts.LONGEST
    assert shown(texts.plain(text)).text.endswith("…")
    whole = shown(texts.plain(text, whole=True))
    assert whole.text == "line" * 10_000
    assert len(whole.elements) > 5, "one block of such a length is slow to lay out"


def test_windows_line_ends_are_line_ends():
    assert seen("a\r\nb\rc") == "a\nb⟨U+000D⟩c"


@pytest.mark.parametrize("text", ["[" * 10**6, "*a " * 10**5, "`a" * 10**5, "_a__b___c" * 10**5, "> " * 10**5,
                                  "|a\n|-\n" + "|a" * 10**5, "<a " * 10**5, "x" * 10**6, "a b\n" * 250_000,
                                  "\u200b" * 10**6, "- " * 10**5, "~~a" * 10**5, "![" * 10**5])  # fmt: skip
def test_no_text_takes_long(text):
    began = time.process_time()
    texts.markdown(text)
    texts.difference(text, text[::-1] + "y z")
    assert time.process_time() - began < 2.0
