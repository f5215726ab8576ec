"""A team's own strategy is found by its file; one that is broken is a clear message, never a traceback."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from test_selection_pairs import tables
from unit_builders import section

from realign.config.params import NO_FILE
from realign.errors import UserError
from realign.selection import choose, refuse, registry
from realign.selection import strategies as shipped
from realign.selection.candidates import candidates

MIDDLE = '''"""middle: nearest to the median."""
import numpy as np

def middle(pool):
    return np.abs(pool.similarity - np.median(pool.similarity))
'''


@pytest.fixture
def pool():
    return candidates(*tables([4, 5, 3]), 7, section("select"))


def test_every_file_of_the_folder_is_a_strategy_and_nothing_else_is():
    files = {path.stem for path in Path(shipped.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(registry()) == files
    assert len(files) >= 15


def test_a_file_dropped_in_is_a_strategy(tmp_path, pool):
    (tmp_path / "middle.py").write_text(MIDDLE)
    (tmp_path / "_notes.py").write_text("this is no Python")
    (tmp_path / "README.md").write_text("words")
    known = registry(tmp_path)
    assert set(known) - set(registry()) == {"middle"}
    found = choose("middle", pool, known, pool.options)
    distance = np.abs(pool.similarity - np.median(pool.similarity))
    for at in found.pairs:
        assert distance[at] == distance[pool.prompt == pool.prompt[at]].min()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert registry(tmp_path / "none") == registry()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.py", "def a(pool:\n  pass", r"a\.py line 1"),
        ("a.py", "\nimport nothing_like_this", r"a\.py cannot be loaded: ModuleNotFoundError.*in line 2"),
        ("a.py", "def b(pool): return 1", r"holds no function a\(pool\)"),
        ("easy.py", "def easy(pool): return pool.similarity", "has a strategy 'easy' already"),
        ("mix.py", "def mix(pool): return pool.similarity", "has a strategy 'mix' already"),
        ("a-b.py", "def a(pool): return 1", "named like its function"),
        ("a.py", "NEEDS = ('gold',)\ndef a(pool): return 1", r"NEEDS must be a tuple.*'gold'"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    (tmp_path / "middle.py").write_text(MIDDLE)
    with pytest.raises(UserError, match=words):
        registry(tmp_path)


def test_all_broken_files_are_listed_at_once(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text("x = (")
    with pytest.raises(UserError, match=r"(?s)one\.py.*two\.py"):
        registry(tmp_path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return pool.similarity[:3]", r"gave shape \(3,\)"),
        ("return pool.similarity * float('nan')", "not finite"),
        ("return 'first'", "failed: ValueError"),
        ("x = pool.similarity\n    return x / pool.lenghts", "failed: AttributeError.*in line 3"),
    ],
)
def test_a_strategy_that_fails_says_where(tmp_path, pool, body, words):
    (tmp_path / "own.py").write_text(f"def own(pool):\n    {body}\n")
    with pytest.raises(UserError, match=words):
        registry(tmp_path)["own"](pool)


def test_one_that_learns_and_does_not_say_so_is_named(tmp_path, pool):
    (tmp_path / "own.py").write_text("def own(pool):\n    return -pool.gap\n")
    with pytest.raises(UserError, match=r"own\.py: strategy 'own' asked for what it does not name in NEEDS"):
        registry(tmp_path)["own"](pool)


def test_one_that_learns_is_refused_without_a_pilot(tmp_path):
    (tmp_path / "own.py").write_text("NEEDS = ('labels',)\ndef own(pool): return pool.gap\n")
    known = registry(tmp_path)
    with pytest.raises(UserError, match=r"margin, own: learns from labels; set pilot\.prompts"):
        refuse(["easy", "margin", "own"], known, section("select"), section("pilot"), section("rewards"))
    with pytest.raises(UserError, match="dcrm: learns"):
        refuse(["mix"], known, section("select", mix={"dcrm": 1.0}), section("pilot"), section("rewards"))
    refuse(["margin", "own"], known, section("select"), section("pilot", prompts=5), section("rewards"))
    with pytest.raises(UserError, match="'esay'"):
        refuse(["esay"], known, section("select"), section("pilot"), section("rewards"))


def test_a_pilot_that_nobody_can_pick_is_refused():
    for by, words in (
        ("esay", r"pilot\.by: there is no strategy 'esay'"),
        ("implicit_margin", "rewards"),
    ):
        options = (section("select"), section("pilot", prompts=5, by=by), section("rewards"))
        with pytest.raises(UserError, match=words):
            refuse(["margin"], registry(), *options)
        refuse(["easy"], registry(), *options)  # nobody learns, so nobody picks a pilot


def test_one_that_picks_by_rewards_is_refused_where_none_are_computed(tmp_path):
    (tmp_path / "own.py").write_text("NEEDS = ('rewards',)\ndef own(pool): return -pool.reward_gap\n")
    known = registry(tmp_path)
    words = r"implicit_margin, own: picks by .*; set rewards\.reward to base or adapter"
    with pytest.raises(UserError, match=words):
        refuse(
            ["easy", "implicit_margin", "own"], known, section("select"), section("pilot"), section("rewards")
        )
    with pytest.raises(UserError, match="implicit_margin_small: picks by"):
        refuse(
            ["mix"],
            known,
            section("select", mix={"implicit_margin_small": 1.0}),
            section("pilot"),
            section("rewards"),
        )
    for implicit in (
        {"reward": "base", "adapter": NO_FILE},
        {"reward": "adapter", "adapter": "models/previous"},
    ):
        refuse(
            ["implicit_margin", "own"],
            known,
            section("select"),
            section("pilot"),
            section("rewards", **implicit),
        )


def problems_of(options, known=None, names=("mid", "easy")):
    with pytest.raises(UserError) as refused:
        refuse(
            names,
            known or registry(),
            section("select").model_copy(update={"options": options}),
            section("pilot"),
            section("rewards"),
        )
    return str(refused.value)


def test_parameters_of_a_strategy_are_checked_before_any_work():
    assert "select.options.mid.high: missing" in problems_of({"mid": {"low": 0.2}})
    told = problems_of({"mid": {"low": 0.2, "high": 1.5, "hihg": 1}, "mdi": {}})
    assert "select.options.mid.high: input should be less than or equal to 1 (it is 1.5)" in told
    assert "select.options.mid.hihg: strategy 'mid' has no such parameter" in told
    assert "select.options.mdi: there is no strategy 'mdi'" in told


def test_one_without_its_parameters_does_not_pick(pool):
    bare = dataclasses.replace(pool, options=section("select").model_copy(update={"options": {}}))
    with pytest.raises(UserError) as refused:
        registry()["mid"](bare)
    assert refused.value.code == "strategy.options"


def test_a_default_in_code_is_refused(tmp_path):
    (tmp_path / "own.py").write_text("def own(pool, *, far=1.0):\n    return pool.similarity\n")
    with pytest.raises(UserError, match=r"own\.py: far has a default in code.*select\.options\.own"):
        registry(tmp_path)
