"""Ids: content alone, free of order, evenly spread."""

import os

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from realign.store import ids

texts = st.text(st.characters(exclude_categories=()), max_size=20)


def test_ids_keep_their_values_from_release_to_release():
    # A label is found again by these: a change would pay for every label twice.
    prompt = ids.prompt_id([{"role": "user", "content": "Grüße?"}])
    response = ids.response_id(prompt, "Hallo.")
    assert (prompt, response) == ("b510a875950ab4ca79c0", "81c1451b4365c3e6dbb4")
    assert ids.pair_id(prompt, response, "x") == "c78f76f730b6284123e2"
    assert ids.uniform("a", "b") == 0.017394016905040832


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_no_two_lists_of_parts_share_a_digest(one, other):
    assert (ids.digest(*one) == ids.digest(*other)) == (one == other)


def test_parts_are_not_run_together():
    same_when_joined = [("ab",), ("a", "b"), ("", "ab"), ("a,b",), ('a","b',), ("b", "a")]
    assert len({ids.digest(*parts) for parts in same_when_joined}) == len(same_when_joined)


def test_a_prompt_id_sees_role_and_content_only():
    plain = [{"role": "user", "content": "hi"}]
    decorated = [{"content": "hi", "name": "x", "role": "user"}]
    assert ids.prompt_id(plain) == ids.prompt_id(decorated)
    assert ids.prompt_id(plain) != ids.prompt_id([{"role": "system", "content": "hi"}])
    assert ids.prompt_id(plain) != ids.prompt_id([{"role": "user", "content": "hi "}])


def test_a_prompt_id_sees_the_order_of_turns():
    turns = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert ids.prompt_id(turns) != ids.prompt_id(turns[::-1])


def test_a_response_belongs_to_its_prompt():
    assert ids.response_id("p", "text") != ids.response_id("q", "text")


@given(texts, texts, texts)
def test_a_pair_has_no_order(prompt, one, other):
    assert ids.pair_id(prompt, one, other) == ids.pair_id(prompt, other, one)
    assert ids.shown_order(prompt, one, other) == ids.shown_order(prompt, other, one)
    assert sorted(ids.shown_order(prompt, one, other)) == sorted((one, other))


def test_pairs_of_different_members_or_prompts_differ():
    assert len({ids.pair_id("p", "a", "b"), ids.pair_id("q", "a", "b"), ids.pair_id("p", "a", "c")}) == 3


def test_each_side_is_shown_first_about_as_often():
    count = 4000
    flipped = sum(ids.shown_order("p", f"a{i}", f"b{i}")[0] == f"b{i}" for i in range(count))
    assert stats.binomtest(flipped, count).pvalue > 1e-3


def test_uniform_numbers_are_uniform():
    numbers = [ids.uniform("key", str(i)) for i in range(4000)]
    assert all(0 <= n < 1 for n in numbers)
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    many = ids.uniforms(4000, "key")
    assert stats.kstest(many, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers, many)[0, 1]) < 0.06


def test_uniforms_depend_on_their_key_alone():
    np.random.seed(0)
    first = ids.uniforms(8, "a", "b")
    np.random.seed(1)
    ids.uniforms(3, "other")
    assert ids.uniforms(8, "a", "b").tolist() == first.tolist()
    assert ids.uniforms(3, "a", "b").tolist() == first[:3].tolist()
    assert ids.uniforms(8, "a", "c").tolist() != first.tolist()
    assert ids.uniforms(8, "ab").tolist() != first.tolist()


@given(st.lists(st.fixed_dictionaries({"role": texts, "content": texts}), max_size=3))
def test_messages_survive_the_table(messages):
    assert ids.load_messages(ids.dump_messages(messages)) == messages


def test_a_folder_is_its_names_and_bytes(tmp_path):
    def folder(name, files):
        for path, content in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tmp_path / name

    plain = {"a.txt": b"1", "sub/b.txt": b"2"}
    first = folder("first", plain)
    digest = ids.folder_digest(first)
    os.utime(first / "a.txt", (0, 0))
    (first / "a.txt").chmod(0o600)
    assert ids.folder_digest(first) == digest
    assert ids.folder_digest(folder("second", dict(reversed(plain.items())))) == digest
    assert ids.folder_digest(folder("cached", plain | {"__pycache__/x.pyc": b"3"})) == digest
    others = (
        {"a.txt": b"1", "sub/c.txt": b"2"},
        {"a.txt": b"1", "sub/b.txt": b"3"},
        {"a.txt": b"2", "sub/b.txt": b"1"},
        {"a.txt": b"1", "b.txt": b"2"},
        {"a.txt": b"1"},
    )
    assert digest not in {ids.folder_digest(folder(f"other{i}", files)) for i, files in enumerate(others)}
