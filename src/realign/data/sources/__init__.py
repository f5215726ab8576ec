"""Shapes of raw data: a file here is a shape, and `prepare.source` (or `prepare.hub.shape`) names it.

The module holds

- a docstring that says what a row is; it becomes a section of data/README.md;
- `EXAMPLE`, a worked row: what it brings (responses, scores, a rule), rows of this shape can bring;
- `JOINABLE`, whether two rows about one prompt become one prompt with the responses of both, which is right
  only where their scores are on one scale;
- `read(row) -> RawRow`, which raises BadRow for a row that cannot be used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from realign import discovery
from realign.config.params import Params, Prepare
from realign.data.raw import RawRow
from realign.errors import UserError, listing

HUB = "hub"  # as prepare.source: rows of the shape prepare.hub.shape, from the hub


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
        f"{key}: there is no shape {options.shape!r}; there are {', '.join(known)}{more}",
        code="prepare.unknown_shape",
    )


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
