"""A run's params.yaml: what it began with stays, and an edit waits for its end."""

import pytest

from flows import held_params, project
from realign.errors import UserError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 8\n")
    return tmp_path


def edit(root, text="seed: 9\n"):
    (root / "params.yaml").write_text(text)


def text(root):
    return (root / "params.yaml").read_text()


def test_nothing_is_written_before_the_lock_is_held(root):
    with project.locked(root, lambda: edit(root, "seed: 7\n")):
        assert text(root) == "seed: 7\n"
    from filelock import FileLock

    other = FileLock(root / ".work" / "run.lock")
    with other, pytest.raises(UserError) as refused, project.locked(root, lambda: edit(root)):
        pass
    assert refused.value.code == "project.locked"
    assert text(root) == "seed: 7\n"


def test_one_process_may_hold_it_twice_and_lets_go_at_the_end(root):
    with project.locked(root):
        edit(root)
        with project.locked(root):
            pass
        assert held_params.steady(root, lambda: text(root)) == "seed: 8\n"
    assert text(root) == "seed: 9\n"


def test_work_that_saw_an_edit_is_done_again_without_it(root, capsys):
    seen = []

    def work():
        seen.append(text(root))
        if len(seen) < 3:
            edit(root, f"seed: {len(seen)}\n")
        if len(seen) == 2:
            raise UserError("params.yaml was changed")
        return "done"

    with project.locked(root):
        assert held_params.steady(root, work) == "done"
        assert text(root) == "seed: 8\n"
    assert seen == ["seed: 8\n"] * 3
    assert text(root) == "seed: 2\n"
    assert "changed during the run" in capsys.readouterr().err


def test_an_error_that_no_edit_explains_is_an_error(root):
    with project.locked(root), pytest.raises(UserError, match="of its own"):
        held_params.steady(root, lambda: (_ for _ in ()).throw(UserError("of its own")))


def test_a_removed_file_is_there_again(root):
    with project.locked(root):
        (root / "params.yaml").unlink()
        assert held_params.steady(root, lambda: text(root)) == "seed: 8\n"
    assert text(root) == "seed: 8\n"


def test_an_edit_that_a_killed_run_put_aside_comes_back(root):
    (root / ".work").mkdir()
    (root / ".work" / "params.yaml").write_text("seed: 8\n")
    (root / ".work" / "params.edited.yaml").write_text("seed: 9\n")
    with project.locked(root):
        assert text(root) == "seed: 9\n"


def test_a_newer_edit_wins_over_the_one_that_was_put_aside(root):
    (root / ".work").mkdir()
    (root / ".work" / "params.yaml").write_text("seed: 8\n")
    (root / ".work" / "params.edited.yaml").write_text("seed: 9\n")
    edit(root, "seed: 10\n")
    with project.locked(root):
        assert text(root) == "seed: 10\n"
    assert text(root) == "seed: 10\n"
