"""A real disk of a megabyte (tmpfs), mounted on a folder; where tests may not mount, they are skipped."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(folder, *, full=False, read_only=False):
    """Mount a disk on `folder`; `full` leaves no byte of it, `read_only` lets nothing be written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        if full:
            fill(folder)
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Write until nothing more can be written to the small disk."""
    assert folder.is_mount()
    with contextlib.suppress(OSError), (folder / "filler").open("ab", buffering=0) as stream:
        for _ in range(4096):
            stream.write(b"x" * 512)
