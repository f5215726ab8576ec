"""Where artifacts live, and how they are read and written: typed both ways, whole or not at all.

The same content always gives the same bytes: rows are sorted by key, Parquet holds no pandas
metadata, JSON has sorted keys, nothing holds a date, a path or a machine's name.
"""

import json
import os
import shutil
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from realign.errors import UserError, listing, on_disk
from realign.store import schemas

Json = dict[str, Any]


@dataclass(frozen=True)
class Artifact:
    """One artifact of the pipeline.

    Attributes:
        path: relative to the project's root. Where it has {names}, the table lies in parts, a file for each
            value of the columns of these names.
        table: its schema, for tables (.parquet or .csv); None for JSON, text and folders.
        metric: whether it holds figures that DVC compares between commits and git keeps.
    """

    path: str
    table: schemas.Table | None = None
    metric: bool = False

    @property
    def by(self) -> list[str]:
        """The columns by whose values the table is parted; none for a whole one."""
        return [name for _, name, _, _ in string.Formatter().parse(self.path) if name]

    @property
    def home(self) -> str:
        """The folder under which all parts lie; of a whole artifact its path."""
        return self.path.partition("{")[0].rstrip("/")


ARTIFACTS: Mapping[str, Artifact] = {
    "source": Artifact("src/realign"),
    "code": Artifact("data/code"),
    "prompts": Artifact("data/prepared/prompts.parquet", schemas.PROMPTS),
    "given": Artifact("data/prepared/given.parquet", schemas.GIVEN),
    "scores": Artifact("data/prepared/scores.parquet", schemas.SCORES),
    "base": Artifact("models/base"),
    "responses": Artifact("data/responses.parquet", schemas.RESPONSES),
    "embeddings": Artifact("data/embeddings.parquet", schemas.EMBEDDINGS),
    "rewards": Artifact("data/rewards.parquet", schemas.REWARDS),
    "pilot": Artifact("data/pilot.parquet", schemas.PILOT),
    "pairs": Artifact("data/pairs.parquet", schemas.PAIRS),
    "validated_train": Artifact("data/validated/train.parquet", schemas.PAIRS),
    "validated_measure": Artifact("data/validated/measure.parquet", schemas.PAIRS),
    "strategies": Artifact("strategies"),
    "people": Artifact("data/labels/people"),
    "labels": Artifact("data/labels.parquet", schemas.LABELS),
    "preferences": Artifact("data/preferences.parquet", schemas.PREFERENCES),
    "adapter": Artifact("models/adapter"),
    "judgements": Artifact("data/evaluated/judgements.parquet", schemas.JUDGEMENTS),
    "margins": Artifact("data/evaluated/margins.parquet", schemas.MARGINS),
    "metrics": Artifact("reports/metrics.json", metric=True),
    "report": Artifact("reports/report.html"),
    "plot_similarity": Artifact("reports/plots/similarity.csv", schemas.HISTOGRAM),
    "plot_lengths": Artifact("reports/plots/lengths.csv", schemas.LENGTHS),
    "plot_training": Artifact("reports/plots/training.csv", schemas.CURVE),
    "labeling": Artifact("reports/labeling.json"),
    "gate_responses": Artifact("reports/gates/responses.json"),
    "gate_pairs": Artifact("reports/gates/pairs.json"),
    "gate_preferences": Artifact("reports/gates/preferences.json"),
    "arm_picks": Artifact("data/compare/arm_picks/{strategy}-{budget}-{seed}.parquet", schemas.ARM_PICKS),
    "held_out": Artifact("data/compare/held_out.parquet", schemas.HELD_OUT),
    "base_answers": Artifact("data/compare/base_answers.parquet", schemas.BASE_ANSWERS),
    "arm_answers": Artifact(
        "data/compare/arms/{strategy}-{budget}-{seed}/answers.parquet", schemas.ARM_ANSWERS
    ),
    "arm_margins": Artifact(
        "data/compare/arms/{strategy}-{budget}-{seed}/margins.parquet", schemas.ARM_MARGINS
    ),
    "comparison": Artifact("reports/compare.json"),
    "comparison_page": Artifact("reports/compare.html"),
    "plot_arms": Artifact("reports/compare.csv", schemas.ARM_FIGURES),
    **{
        f"quarantine_{stage}": Artifact(f"data/quarantine/{stage}.parquet", schemas.QUARANTINE)
        for stage in ("prepare", "generate", "select", "validate", "label")
    },
    **{
        f"tally_{stage}": Artifact(f"reports/tally/{stage}.json")
        for stage in ("prepare", "generate", "select", "validate", "label")
    },
}


def conform(frame: pd.DataFrame, table: schemas.Table, where: str) -> pa.Table:
    """A frame as an Arrow table of exactly this schema, sorted by key.

    Raises:
        UserError: columns, types, nulls or keys are not as the schema says; all are listed.
    """
    arrays, problems = _checked(frame, table)
    if problems:
        raise UserError(
            listing(f"{where} is not a proper table {table.name!r}:", problems), code="artifact.improper"
        )
    keys = frame[list(table.key)].reset_index(drop=True)
    order = keys.sort_values(list(table.key), kind="stable").index
    columns = [arrays[name].take(pa.array(order)) for name in table.names]
    return pa.Table.from_arrays(columns, schema=table.arrow)


def _checked(
    frame: pd.DataFrame, table: schemas.Table, misfits: Mapping[str, str] | None = None
) -> tuple[dict[str, pa.Array], list[str]]:
    """The columns as typed arrays, in the frame's order, and everything that is wrong with the frame.

    Args:
        frame: the rows.
        table: what they should be.
        misfits: what a file's own schema already says against a column.
    """
    problems = [f"column {name!r} is missing" for name in table.names if name not in frame.columns]
    problems += [f"column {str(name)!r} is unknown" for name in frame.columns if name not in table.names]
    arrays = {}
    for column in table.columns:
        if column.name not in frame.columns:
            continue
        nulls = frame[column.name].isna().to_numpy()
        if nulls.any() and not column.nullable:
            problems.append(
                f"column {column.name!r} has {nulls.sum()} null(s), first in row {nulls.argmax()}"
            )
        try:
            if misfits and column.name in misfits:
                problems.append(misfits[column.name])
            else:
                arrays[column.name] = _array(frame[column.name], column.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            problems.append(f"column {column.name!r} is not {column.type}: {str(error).splitlines()[0]}")
    if arrays.keys() >= set(table.key):
        twice = frame.duplicated(list(table.key))
        if twice.any():
            first = frame.loc[twice, list(table.key)].iloc[0].to_dict()
            problems.append(f"{int(twice.sum())} row(s) repeat a key, first {first}")
    return arrays, problems


def _array(values: pd.Series, wanted: pa.DataType) -> pa.Array:
    """Values as an array of the wanted type; Arrow alone would read numbers out of text.

    Raises:
        ValueError: they are of another kind, or vectors of more than one length.
    """
    natural = pa.Array.from_pandas(values).type
    if not pa.types.is_null(natural) and _kind(natural) != _kind(wanted):
        raise ValueError(f"it holds {natural}")
    array = pa.Array.from_pandas(values, type=wanted)
    if pa.types.is_list(wanted):
        lengths = sorted(array.value_lengths().drop_null().unique().to_pylist())
        if len(lengths) > 1:
            raise ValueError(f"its vectors have from {lengths[0]} to {lengths[-1]} numbers")
    return array


def _kind(of: pa.DataType) -> str:
    """Types of one kind hold the same things."""
    if pa.types.is_integer(of) or pa.types.is_floating(of):
        return "number"
    return "list" if pa.types.is_list(of) else str(of).removeprefix("large_")


def read_table(path: Path, table: schemas.Table) -> pd.DataFrame:
    """Read a table and check it against its schema.

    Raises:
        UserError: the file is absent, damaged or of another schema.
    """
    if not path.is_file():
        raise UserError(
            f"{path} is not there. Run the stage that makes it: realign status names it",
            code="artifact.missing",
        )
    try:
        if path.suffix == ".csv":
            types = {c.name: c.type for c in table.columns}
            options = pyarrow.csv.ConvertOptions(column_types=types)
            content = pyarrow.csv.read_csv(path, convert_options=options)
        else:
            content = pyarrow.parquet.read_table(path, page_checksum_verification=True)
        frame: pd.DataFrame = content.to_pandas()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as a table ({error}). Restore it with: dvc checkout, or run its stage again",
            code="artifact.unreadable",
        ) from None
    wanted = {c.name: c.type for c in table.columns}
    misfits = {
        f.name: f"column {f.name!r} is {f.type}, it must be {wanted[f.name]}"
        for f in content.schema
        if f.name in wanted and wanted[f.name] != f.type
    }
    _, problems = _checked(frame, table, misfits)
    if problems:
        raise UserError(
            listing(f"{path} is not a proper table {table.name!r}:", problems), code="artifact.improper"
        )
    return frame


def read_json(path: Path) -> Json:
    """Read a JSON artifact.

    Raises:
        UserError: the file is absent or no JSON object.
    """
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there. Run the stage that makes it", code="artifact.missing"
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path} is not valid JSON ({error}). Run its stage again", code="artifact.unreadable"
        ) from None
    if not isinstance(content, dict):
        raise UserError(
            f"{path} holds no JSON object, but {type(content).__name__}. Run its stage again",
            code="artifact.unreadable",
        )
    return content


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content takes the file's place once it is all on disk, or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    with on_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with _whole(path) as stream:
        stream.write(text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys, whole or not at all; NaN is refused."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_table(path: Path, frame: pd.DataFrame, table: schemas.Table) -> None:
    """Check a table against its schema and write it, whole or not at all."""
    content = conform(frame, table, str(path)).replace_schema_metadata(None)
    with _whole(path) as stream:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(content, stream)
        else:
            pyarrow.parquet.write_table(content, stream, compression="zstd", write_page_checksum=True)


def move_folder(source: Path, target: Path) -> None:
    """Move a finished folder to its place; a folder that stood there is gone."""
    for file in source.rglob("*"):
        if file.is_file():
            file.chmod(0o644)  # safetensors writes 0600, which a shared cache cannot serve
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
