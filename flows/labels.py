"""Labels between the page, the ledger and DVC: collecting votes, versioning batches, waiting for people."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd

from flows import dvc_cli
from realign.config import params
from realign.errors import UserError
from realign.store import artifacts, database, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import ARTIFACTS
from realign.store.database import Database
from realign.store.host import Host
from realign.store.ledger import TABLES as LEDGER
from realign.store.ledger import Ledger
from realign.store.ledger_rows import unsound
from realign.store.work import WORK, Work


def work(root: Path) -> Work:
    """The label stage's corner of `.work/`."""
    return Work(root / WORK, "label")


def people_folder(root: Path) -> Path:
    """The batches of people's votes: an input of the label stage."""
    return root / ARTIFACTS["people"].path


def votes_file(root: Path) -> Path:
    """The page's database."""
    return work(root).local() / "votes.sqlite"


@contextmanager
def kept(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Whatever is bought and voted in this block becomes batches that DVC versions, even where it fails."""
    try:
        yield
    except Exception:
        try:
            keep(root, say)
        except UserError as error:  # the first error is the one to mend
            say(str(error))
        raise
    keep(root, say)


def keep(root: Path, say: Callable[[str], None]) -> None:
    """Write votes and bought labels that no batch holds yet as batches that DVC versions."""
    collect(root, say)
    path = export(root, say)
    if path is not None:
        say(
            f"new labels are in {path.relative_to(root)}; commit its .dvc pointer, and realign push shares them"
        )


def collect(root: Path, say: Callable[[str], None]) -> int:
    """Write the votes given on the page since the last call as a batch that DVC versions; returns its rows.

    A vote that was undone after it had been collected becomes an abstention.
    """
    if not votes_file(root).exists():
        return 0
    from realign.labelers.human.page.store import Store

    with closing(Store(votes_file(root))) as store:
        votes, withdrawn = store.votes(), store.withdrawn()
    folder = people_folder(root)
    earlier = batches.everything(folder)
    parts = (votes, withdrawn[withdrawn["label_id"].isin(earlier["label_id"])])
    answers = pd.concat([part for part in parts if len(part)] or [votes])
    key = ["label_id", "given_at", "winner"]
    known = pd.MultiIndex.from_frame(earlier[key])
    new = answers[~pd.MultiIndex.from_frame(answers[key]).isin(known)]
    path = batches.write(new, folder)
    if path is None:
        return 0
    track(root, path, say)
    return len(new)


def export(root: Path, say: Callable[[str], None]) -> Path | None:
    """Write the labels that no batch holds yet as a batch that DVC versions; None if nothing is new."""
    if not work(root).ledger().exists():
        return None
    path = batches.write(_ledger(root), work(root).shared_ledger())
    if path is not None:
        track(root, path, say)
    return path


def track(root: Path, path: Path, say: Callable[[str], None]) -> None:
    """`dvc add` one batch.

    Raises:
        UserError: DVC failed; the batch itself is safe.
    """
    name = str(path.relative_to(root))
    if dvc_cli.run(root, "add", "--quiet", name, say=say):
        raise UserError(
            f"dvc add {name} failed; see its output above. The batch is safe; run dvc add again by hand",
            code="dvc.add_failed",
        )


def export_votes(root: Path, path: Path, to: str) -> int:
    """Write the queue of pairs for people, with all votes so far; returns the number of pairs."""
    from realign.labelers.human import exchange

    collect(root, lambda line: None)
    return exchange.write(queue(root), batches.read(people_folder(root)), path, to)


def import_votes(root: Path, path: Path, say: Callable[[str], None]) -> int:
    """Import votes from a file as a batch that DVC versions; returns how many are new or changed."""
    from realign.labelers.human import exchange

    votes = exchange.read(path, queue(root), _now(), say)
    batch = batches.write(votes, people_folder(root))
    if batch is None:
        return 0
    track(root, batch, say)
    return len(artifacts.read_table(batch, schemas.LEDGER))


def queue(root: Path) -> pd.DataFrame:
    """The queue of pairs for people.

    Raises:
        UserError: there are none yet.
    """
    path = work(root).queue()
    if not path.is_file():
        raise UserError(
            "there are no pairs for people yet. Run first: realign run --set label.labeler=human (or cascade)",
            code="votes.no_queue",
        )
    return artifacts.read_table(path, schemas.QUEUE)


def ask_again(root: Path, settings: params.Params) -> int:
    """Have the answers that could not be read asked for again by the next run; returns on how many pairs.

    Raises:
        UserError: the run's labeler keeps no answers.
    """
    from realign.labelers import registry

    return registry.ask_again(settings.label, root / settings.label.judge.rubric, work(root))


def shown(root: Path, pair: str) -> Iterator[str]:
    """What the ledger holds of a pair: its labels, and the raw answer of every paid call about it.

    Raises:
        UserError: it holds nothing of it.
    """
    with closing(Ledger(work(root).ledger())) as ledger:
        calls, everything = ledger.calls(pair), ledger.everything()
    labels = everything[everything["pair_id"] == pair]
    if labels.empty and not calls:
        raise UserError(
            f"the ledger holds nothing of pair {pair!r}; pair ids stand in data/labels.parquet",
            code="ledger.no_pair",
        )
    for row in labels.to_dict("records"):
        yield f"{row['labeler']} {row['annotator']}: {row['winner']}, p_a {row['p_a']:g}, given {row['given_at']}"
        if not any(call.fingerprint == row["fingerprint"] for call in calls):  # bought by a teammate
            for order in ("ab", "ba"):
                yield from _raw(
                    f"{row[f'label_{order}']} with {order[0]} shown first", row[f"answer_{order}"]
                )
    for call in calls:
        kind = "repair" if call.repair else "answer"
        why = f" ({call.rationale})" if call.cause else ""
        head = (
            f"{kind} of {call.given_at} by {call.fingerprint}, {call.shown[0]} shown first: {call.label}{why}"
        )
        yield from _raw(head, call.text)


def _raw(head: str, text: object) -> Iterator[str]:
    """A text of a judge without anything that a terminal would obey."""
    yield f"- {head}"
    for line in (text if isinstance(text, str) else "").splitlines() or ["(empty)"]:
        yield "    " + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)


def ledger_stats(root: Path) -> pd.DataFrame:
    """A row for each labeler and annotator, over the ledger and all batches."""
    merge(root)
    parts = [_ledger(root), batches.read(people_folder(root))]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise UserError("the ledger is empty: there is no label yet", code="ledger.empty")
    return batches.stats(pd.concat(parts, ignore_index=True))


def merge(root: Path) -> int:
    """Merge the shared batches into this workspace's ledger; returns how many labels are new."""
    with closing(Ledger(work(root).ledger())) as ledger:
        return batches.merge(ledger, work(root).shared_ledger())


def verify(root: Path) -> list[str]:
    """All errors in the batches and in the ledger itself."""
    folders = (people_folder(root), work(root).shared_ledger())
    problems = [problem for folder in folders for problem in batches.verify(folder)]
    return problems + [f"ledger: {problem}" for problem in unsound(_ledger(root))]


def salvage(root: Path) -> dict[Path, int]:
    """Make the ledger and the page's database anew where they are damaged; how many rows each could save."""
    from realign.labelers.human.page.store import TABLES as PAGE

    saved = {}
    for path, tables in ((work(root).ledger(), LEDGER), (votes_file(root), PAGE)):
        if not path.exists():
            continue
        try:
            Database(path, tables).close()
        except UserError as error:
            if error.code != "database.damaged":
                raise
            saved[path] = database.salvage(path, tables)
    merge(root)
    return saved


def _now() -> str:
    return Host().now().isoformat(timespec="microseconds")


def _ledger(root: Path) -> pd.DataFrame:
    with closing(Ledger(work(root).ledger())) as ledger:
        return ledger.everything()
