"""Words, near-duplicates and counts in scripts without blanks between words."""

import pytest

from realign.data.prepare import normalized
from realign.data.text_features import TEXT_FEATURES
from realign.quality.frames import overlap

TWINS = {
    "English": ("The tap in the kitchen drips because its washer is worn out.", "tap", "pipe"),
    "Chinese": ("厨房的水龙头漏水，因为里面的垫圈已经磨损了。", "龙头", "管道"),
    "Japanese": ("台所の蛇口から水が漏れるのは、パッキンが古くなったからです。", "蛇口", "水道"),
    "Thai": ("ก๊อกน้ำในครัวรั่วเพราะแหวนยางสึกหรอแล้วต้องเปลี่ยนใหม่", "ครัว", "บ้าน"),
}


@pytest.mark.parametrize("language", TWINS)
def test_near_duplicates_are_known_in_every_script(language):
    text, word, other = TWINS[language]
    assert 0.5 < overlap(text, text.replace(word, other)) < 1
    strangers = [twin[0] for name, twin in TWINS.items() if name != language]
    assert max(overlap(text, stranger) for stranger in strangers) < 0.05


def test_width_makes_no_difference_to_near_duplicates():
    assert overlap("ＡＢＣ は １２３ です", "abc は 123 です") == 1
    assert normalized("Ｑ１：水漏れ？") == normalized("q1 水漏れ")


def test_words_of_another_vowel_are_other_words():
    assert normalized("कि") != normalized("की")


@pytest.mark.parametrize(
    ("feature", "text", "count"),
    [
        ("sentences", "水漏れです。直しますか？はい！", 3),
        ("sentences", "It drips. Mend it!", 2),
        ("commas", "红，黄、绿", 2),
        ("colons", "答案：三", 1),
        ("exclamation marks", "好！很好！", 2),
        ("list items", "・一\n・二\n１．三\n2、四", 4),
        ("digits", "１２ 3", 3),
        ("ends a sentence", "直します。", 1),
        ("ends a sentence", "直します", 0),
        ("distinct words", "好好好好", 0.25),
        ("letters a word", "नमस्ते दुनिया", 6),
    ],
)
def test_full_width_marks_and_unspaced_words_are_counted(feature, text, count):
    assert TEXT_FEATURES[feature](text) == count
