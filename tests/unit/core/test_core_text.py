"""Text of data and models, made fit to be shown."""

from realign.core.text import seen


def test_visible_text_stays_as_it_is():
    plain = "Zürich, 東京 – naïve\n\tok 👍"
    assert seen(plain) == plain
    assert seen("a\rb\x7f\u00ad") == "a⟨U+000D⟩b⟨U+007F⟩⟨U+00AD⟩"


def test_a_long_text_is_cut_and_says_so():
    assert seen("x" * 1200) == "x" * 1200
    assert seen("x" * 1201) == "x" * 1200 + " …"
