"""The worked examples of CONTRIBUTING.md pass the checks that whoever pastes them will meet."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(
    r"`((?:src|strategies)/\S+\.py)`:\n\n```python\n(.*?)```",
    (ROOT / "CONTRIBUTING.md").read_text(),
    re.DOTALL,
)


def test_every_kind_of_extension_has_one():
    assert len(EXAMPLES) == 6, [path for path, _ in EXAMPLES]


@pytest.mark.parametrize(("path", "text"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
@pytest.mark.parametrize("check", [("check",), ("format", "--check")], ids=["lint", "format"])
def test_an_example_passes_lint(path, text, check):
    command = [sys.executable, "-m", "ruff", *check, "--stdin-filename", path, "-"]
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
