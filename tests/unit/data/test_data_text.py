"""Text of data and models, made fit to be shown."""

from realign.data.text import cut, excerpt, seen


def test_visible_text_stays_as_it_is():
    plain = "Zürich, 東京 – naïve\n\tok 👍"
    assert seen(plain) == excerpt(plain) == plain


def test_what_acts_unseen_shows_as_its_code():
    assert seen("a\rb\x7f\u00ad\u202e") == "a⟨U+000D⟩b⟨U+007F⟩⟨U+00AD⟩⟨U+202E⟩"
    assert seen("a\r\nb") == "a\nb"


def test_a_long_text_is_cut_and_says_so():
    assert excerpt("x" * 1200) == "x" * 1200
    assert excerpt("x" * 1201) == "x" * 1200 + " …"
    assert cut("abc", 3) == "abc" and cut("abcd", 3) == "abc …"
