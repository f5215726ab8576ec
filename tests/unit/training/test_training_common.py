"""Checkpoints: only those that are known to be whole are resumed."""

from types import SimpleNamespace

from realign.training.common import Watch, arguments, last_checkpoint


def checkpoint(folder, step, whole=True):
    place = folder / f"checkpoint-{step}"
    place.mkdir()
    (place / "weights").write_bytes(b"weights of step %d" % step)
    if whole:
        args = SimpleNamespace(output_dir=str(folder))
        Watch("test").on_save(args, SimpleNamespace(global_step=step, max_steps=step + 1), None)
    return str(place)


def test_without_a_checkpoint_training_starts_anew(tmp_path):
    assert last_checkpoint(tmp_path / "absent") is None
    assert last_checkpoint(tmp_path) is None


def test_the_newest_whole_checkpoint_is_taken_by_its_number(tmp_path):
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 100)
    checkpoint(tmp_path, 20)
    assert last_checkpoint(tmp_path) == newest


def test_a_checkpoint_that_was_being_written_is_ignored(tmp_path):
    checkpoint(tmp_path, 30, whole=False)
    assert last_checkpoint(tmp_path) is None
    whole = checkpoint(tmp_path, 10)
    assert last_checkpoint(tmp_path) == whole


def test_a_checkpoint_that_is_not_what_was_written_is_ignored(tmp_path):
    older = checkpoint(tmp_path, 10)
    newest = checkpoint(tmp_path, 20)
    (tmp_path / "checkpoint-20" / "weights").write_bytes(b"weights of step 21")
    assert last_checkpoint(tmp_path) == older
    (tmp_path / "checkpoint-20" / "weights").write_bytes(b"weights of step 20")
    assert last_checkpoint(tmp_path) == newest


def test_a_checkpoint_is_marked_once_all_of_it_is_saved_but_the_last_is_not(tmp_path):
    # A trainer resumed at the very end takes one step too many.
    args = SimpleNamespace(output_dir=str(tmp_path))
    places = {step: checkpoint(tmp_path, step, whole=False) for step in (5, 9)}
    for step in places:
        Watch("test").on_save(args, SimpleNamespace(global_step=step, max_steps=9), None)
    assert last_checkpoint(tmp_path) == places[5]


def test_no_library_default_moves_the_numbers_and_nothing_is_reported_anywhere(tmp_path):
    found = arguments(tmp_path, 7)
    assert found["seed"] == found["data_seed"] == 7
    assert found["report_to"] == "none"
    assert found["weight_decay"] == 0.0
    assert not (found["bf16"] and found["use_cpu"])
