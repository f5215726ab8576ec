"""`python -m realign.data.dictionary`: writes into data/README.md what the code knows of shapes and tables."""

import json
from pathlib import Path

from realign.data.raw import REASONS
from realign.data.sources import Source, sources
from realign.store.artifacts import ARTIFACTS
from realign.store.schemas import LEDGER, Table

README = Path("data/README.md")


def updated(text: str) -> str:
    """The README with its generated parts written anew; they stand between comments that name them."""
    for part, content in (("shapes", _shapes()), ("reasons", _reasons()), ("tables", _tables())):
        begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return text


def _shapes() -> str:
    return "\n\n".join(_shape(source) for source in sources().values())


def _shape(source: Source) -> str:
    fields = (
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in source.example.items()
    )
    example = ",\n ".join(fields)
    brings = ["responses"] * source.responses + ["a rule"] * source.rule
    brings += [f"scores (by `{source.annotator}`)"] if source.annotator else []
    second = "joins the first" if source.joinable else "is set aside"
    facts = f"Comes with: {', '.join(brings) or 'nothing else'}. A second row about the same prompt {second}."
    return f"### `{source.name}`\n\n{source.about}\n\n```json\n{{{example}}}\n```\n\n{facts}"


def _reasons() -> str:
    return "\n".join(
        ["| reason | why |", "| --- | --- |", *(f"| {code} | {why} |" for code, why in REASONS.items())]
    )


def _tables() -> str:
    """A section a table: meaning, files, key, columns."""
    paths = {LEDGER.name: [f"{ARTIFACTS['people'].path}/*.parquet", "data/labels/ledger/*.parquet"]}
    tables = {LEDGER.name: LEDGER}
    for artifact in ARTIFACTS.values():
        if artifact.table:
            paths.setdefault(artifact.table.name, []).append(artifact.path)
            tables[artifact.table.name] = artifact.table
    return "\n\n".join(_table(table, paths[name]) for name, table in tables.items())


def _table(table: Table, paths: list[str]) -> str:
    rows = [
        f"| {column.name} | {column.type} | {'yes' if column.nullable else ''} | {_escaped(column.meaning)} |"
        for column in table.columns
    ]
    return "\n".join([
        f"### {table.name}",
        "",
        f"{table.meaning} `{'`, `'.join(paths)}`. Key: {', '.join(table.key)}.",
        "",
        "| column | type | null | meaning |",
        "| --- | --- | --- | --- |",
        *rows,
    ])  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
