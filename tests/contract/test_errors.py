"""Every error for a person carries a code, `area.what`, which tests and programs read instead of its words."""

import ast
import re
from pathlib import Path

from realign import errors

HOME = Path(__file__).parents[2]
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.UserError)
}


def test_every_error_for_a_person_carries_a_code() -> None:
    calls = [
        (path.relative_to(HOME), call)
        for folder in ("src", "flows")
        for path in sorted((HOME / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS
    ]
    assert len(calls) > 100
    codes = {
        (str(path), call.lineno): next((word.value for word in call.keywords if word.arg == "code"), None)
        for path, call in calls
    }
    assert [place for place, code in codes.items() if code is None] == []
    fixed = [str(code.value) for code in codes.values() if isinstance(code, ast.Constant)]
    assert [code for code in fixed if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", code)] == []
