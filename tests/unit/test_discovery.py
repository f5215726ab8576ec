"""Modules are found by their files."""

from realign import discovery
from realign.selection import strategies


def test_modules_are_found_by_their_files_and_helpers_are_left_out(tmp_path, monkeypatch):
    (tmp_path / "aaa_dropped_in.py").write_text("NUMBER = 7\n")
    (tmp_path / "_helper.py").write_text("raise RuntimeError\n")
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    names = discovery.names("realign.selection.strategies")
    assert names[0] == "aaa_dropped_in" and "_helper" not in names
    assert discovery.modules("realign.selection.strategies")["aaa_dropped_in"].NUMBER == 7
