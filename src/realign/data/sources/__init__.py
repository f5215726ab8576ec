"""Shapes of raw data: a file here is a shape, and `prepare.source` (or `prepare.hub.shape`) names it.

The module holds

- a docstring that says what a row is; it becomes a section of data/README.md;
- `EXAMPLE`, a worked row: what it brings (responses, scores, a rule), rows of this shape can bring;
- `JOINABLE`, whether two rows about one prompt become one prompt with the responses of both, which is right
  only where their scores are on one scale;
- `read(row) -> RawRow`, which raises BadRow for a row that cannot be used.

AUTO in the place of a name is the shape that the first rows have (`recognized`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from realign import discovery
from realign.config.params import Params, Prepare
from realign.data.raw import BadRow, RawRow
from realign.errors import UserError, listing

HUB = "hub"  # as prepare.source: rows of the shape prepare.hub.shape, from the hub
AUTO = "auto"
LOOKED_AT = 50  # rows from which AUTO tells the shape


@dataclass(frozen=True)
class Source:
    """A shape of raw data; the module's docstring says what each attribute means."""

    name: str
    about: str
    example: Mapping[str, object]
    joinable: bool
    read: Callable[[object], RawRow]

    @cached_property
    def brings(self) -> RawRow:
        """What a row can bring: the example, as it is read."""
        return self.read(self.example)

    @property
    def responses(self) -> bool:
        """Whether rows come with responses."""
        return bool(self.brings.responses)

    @property
    def annotator(self) -> str | None:
        """Who scored the responses, where the data has scores."""
        return next((name for response in self.brings.responses for name in response.scores), None)

    @property
    def rule(self) -> bool:
        """Whether a row holds the rule by which its responses can be judged."""
        return self.brings.rule is not None


def sources() -> dict[str, Source]:
    """All shapes by name."""
    return {
        name: Source(name, (module.__doc__ or "").strip(), module.EXAMPLE, module.JOINABLE, module.read)
        for name, module in discovery.modules("realign.data.sources").items()
    }


def find(options: Prepare) -> Source:
    """The shape of the raw data, wherever it comes from.

    Raises:
        UserError: there is none of this name.
    """
    known = sources()
    if options.shape in known:
        return known[options.shape]
    key, more = ("prepare.hub.shape", "") if options.source == HUB else ("prepare.source", f", and {HUB}")
    raise UserError(
        f"{key}: there is no shape {options.shape!r}; there are {', '.join(known)}, {AUTO}{more}",
        code="prepare.unknown_shape",
    )


def recognized(rows: Sequence[object], name: str) -> Source:
    """The shape that these rows have: the one whose reader looks at most of their keys, and then understands most rows.

    Keys come first, so that pairs that cannot be used are refused as pairs, and not read as prompts alone.

    Raises:
        UserError: the rows hold no key that any shape knows.
    """
    fits = {name: _fit(source, rows) for name, source in sources().items()}
    best = max(fits, key=lambda name: fits[name], default="")
    if not best or fits[best][0] == 0:
        keys = next((", ".join(map(repr, row)) for row in rows if isinstance(row, dict)), "no key")
        raise UserError(
            f"{name} has rows of no shape that is known: the first one has {keys}. Bring them into one of these "
            f"shapes (data/README.md): {', '.join(fits)}",
            code="prepare.shape_not_recognized",
        )
    return sources()[best]


class _Noted(dict[str, object]):
    """A row that notes which of its keys are looked at."""

    def __init__(self, row: Mapping[str, object]) -> None:
        super().__init__(row)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> object:
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: object = None) -> object:
        """As a dict's; the key is noted if it is there."""
        if key in self:
            self.seen.add(key)
        return super().get(key, default)


def _fit(source: Source, rows: Iterable[object]) -> tuple[int, int, int]:
    """How well rows fit a shape: keys looked at, rows understood, and (negative) keys of the example that they lack."""
    understood = looked_at = alike = 0
    for row in rows:
        if not isinstance(row, dict):
            continue
        noted = _Noted(row)
        try:
            source.read(noted)
            understood += 1
        except BadRow:
            pass
        looked_at += len(noted.seen)
        alike -= len(source.example.keys() - row.keys())
    return looked_at, understood, alike


def scored(params: Params) -> bool:
    """Whether the responses that a run compares come with scores."""
    return find(params.prepare).annotator is not None and params.generate.mode == "given"


def check(params: Params) -> None:
    """Refuse parameters that need of the data what its shape does not have.

    Raises:
        UserError: all problems are listed, each with its fix.
    """
    source = find(params.prepare)
    problems = []
    if params.base.source == "build" and not source.responses:
        problems.append(
            f"base.source: build needs texts to learn from, and {source.name} data has none; set local or hub"
        )
    if params.generate.mode == "given" and not source.responses:
        problems.append(
            f"generate.mode: given needs responses in the data, {source.name} has none; set sample"
        )
    if params.evaluate.scorer == "rule" and not source.rule:
        problems.append(
            f"evaluate.scorer: rule needs data with a rule, {source.name} has none; set score_head or reward_model"
        )
    if params.evaluate.scorer == "score_head" and not scored(params):
        problems.append(
            "evaluate.scorer: score_head learns from scores; give scored data (generate.mode: given), or set another "
            "scorer"
        )
    if problems:
        head = f"params.yaml does not fit the data ({len(problems)} problem(s)):"
        raise UserError(listing(head, problems), code="params.data_differs")
