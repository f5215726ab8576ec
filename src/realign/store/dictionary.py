"""`python -m realign.store.dictionary`: the data dictionary, written from the schemas."""

from __future__ import annotations

from realign.store.artifacts import ARTIFACTS
from realign.store.schemas import LEDGER, Table

BEGIN, END = "<!-- tables: begin, written by python -m realign.store.dictionary -->", "<!-- tables: end -->"


def markdown() -> str:
    """A section a table: meaning, file, key, columns."""
    paths: dict[str, list[str]] = {}
    tables: dict[str, Table] = {}
    paths[LEDGER.name] = [f"{ARTIFACTS['people'].path}/*.parquet", "data/labels/ledger/*.parquet"]
    tables[LEDGER.name] = LEDGER
    for artifact in ARTIFACTS.values():
        if artifact.table:
            paths.setdefault(artifact.table.name, []).append(artifact.path)
            tables[artifact.table.name] = artifact.table
    return "\n".join(_section(table, paths[name]) for name, table in tables.items())


def _section(table: Table, paths: list[str]) -> str:
    lines = [
        f"### {table.name}",
        "",
        f"{table.meaning} `{'`, `'.join(paths)}`. Key: {', '.join(table.key)}.",
        "",
        "| column | type | null | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for column in table.columns:
        null = "yes" if column.nullable else ""
        lines.append(
            f"| {column.name} | {column.type} | {null} | {column.meaning.replace('|', chr(92) + '|')} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(markdown())
