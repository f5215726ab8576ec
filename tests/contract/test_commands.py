"""The commands answer quickly, and every command that the documentation names exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app

HOME = Path(__file__).parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/labels.md", "docs/results.md")
DOCUMENTS = [HOME / name for name in NAMES]


def test_help_answers_at_once_because_it_imports_little() -> None:
    code = (
        "import atexit, sys; from flows.cli import main; sys.argv = ['realign', '--help'];"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr)); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True)
    assert "run" in done.stdout
    modules = done.stderr.split()
    assert not {"torch", "prefect", "pandas", "numpy", "dvc"} & set(modules)
    assert len(modules) < 600  # 340 today; pandas alone would add 900


def _documented() -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", document.read_text(), re.S):
            for line in block.splitlines():
                command = line.split("#")[0].strip().removeprefix("$ ")
                if command:
                    found.append((document.name, command))
    return found


def test_documents_hold_commands() -> None:
    assert len(_documented()) >= 10


@pytest.mark.parametrize(("document", "command"), _documented() or [("", "")])
def test_documented_command_exists(document: str, command: str) -> None:
    words = [word for word in command.split() if "=" not in word or word.startswith("-")]
    program = Path(words[0]).name
    if program == "realign":
        group = words[1:3] if words[1] in ("ledger", "votes") else words[1:2]
        result = CliRunner().invoke(app, [*group, "--help"])
        assert result.exit_code == 0, command
        plain = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
        for option in (word for word in words[2:] if word.startswith("--")):
            assert option.split("=")[0] in plain, f"{command}: no {option}"
    elif program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.M))
        assert set(words[1:]) <= targets, command
    else:
        known = {"dvc", "prefect", "git", "python", "pytest", "export", "cd", "pip", "source", "head"}
        assert program in known, command
