"""Strategies by name: those of `strategies/` here, and a team's own files in the project's `strategies/`.

Both are found by their files, so that a new one needs no other line changed: module NAME holds the
function NAME. Files that begin with an underscore are not looked at.

Parameters of its own are the function's keyword-only arguments, `def mine(pool, *, share: float)`; their values stand
in params.yaml under `select.options.mine`. An annotation may bound them: `Annotated[float, Field(ge=1)]`.
"""

import importlib.util
import inspect
import keyword
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import numpy as np
from pydantic import ValidationError, create_model

from realign import discovery
from realign.config.params import Pilot, Rewards, Section, Select
from realign.errors import UserError, listing
from realign.selection.candidates import Candidates

NEEDS = ("labels", "rewards", "seed")
MIX = "mix"  # no strategy of its own: prompts shared out among others, see choose.py


@dataclass(frozen=True)
class Strategy:
    """A strategy: called with the candidates, it gives each pair a number; the smallest comes first.

    Attributes:
        name: as in params.yaml.
        function: candidates to numbers, shape (P,).
        needs: what it looks at beside vectors and lengths: labels, rewards, seed.
        parameters: the shape of its own parameters.
        file: where a team's own one stands; None for those that come with realign.
    """

    name: str
    function: Callable[..., np.ndarray]
    needs: tuple[str, ...] = ()
    parameters: type[Section] = Section
    file: Path | None = None

    def __call__(self, pool: Candidates) -> np.ndarray:
        """A number for each pair. Shape (P,).

        Raises:
            UserError: its parameters are wrong, or a team's own strategy fails or gives no number for each pair.
        """
        problems = self.problems(pool.options)
        if problems:
            raise UserError(
                listing("params.yaml does not say how to pick:", problems), code="strategy.options"
            )
        options = pool.options.options.get(self.name, {})
        if self.file is None:
            return self.function(pool, **options)
        try:
            result = np.asarray(self.function(pool, **options), dtype=float)
        except UserError as error:
            raise UserError(
                f"{self.file.name}: strategy {self.name!r} asked for what it does not name in NEEDS, or what is not "
                f"there: {error}",
                code="strategy.needs",
            ) from None
        except Exception as error:
            raise UserError(
                f"{self.file.name}: strategy {self.name!r} failed: {_words(error, self.file)}",
                code="strategy.failed",
            ) from None
        if result.shape != pool.similarity.shape:
            raise UserError(
                f"{self.file.name}: strategy {self.name!r} gave shape {result.shape}; it must give one number for each "
                f"of the {len(pool.similarity)} pairs",
                code="strategy.shape",
            )
        if not np.isfinite(result).all():
            raise UserError(
                f"{self.file.name}: strategy {self.name!r} gave {int((~np.isfinite(result)).sum())} number(s) that are "
                "not finite; a pair that it does not want gets a large number",
                code="strategy.not_finite",
            )
        return result

    def problems(self, options: Select) -> list[str]:
        """What is wrong with its own parameters, a sentence each."""
        try:
            self.parameters.model_validate(options.options.get(self.name, {}))
        except ValidationError as error:
            return [_problem(self.name, dict(one)) for one in error.errors()]
        return []


@cache
def _shipped() -> dict[str, Strategy]:
    modules = discovery.modules("realign.selection.strategies")
    return {name: _strategy(name, module, None) for name, module in modules.items()}


def registry(folder: Path | None = None) -> dict[str, Strategy]:
    """All strategies by name, in order of name.

    Args:
        folder: where a team's own files stand; need not exist.

    Raises:
        UserError: a file there cannot be used; all such are listed.
    """
    known, problems = dict(_shipped()), []
    for path in sorted(folder.glob("*.py")) if folder else []:
        if path.name.startswith("_"):
            continue
        try:
            known[path.stem] = _own(path)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError(
            listing(f"{folder} holds file(s) that are no strategy:", problems), code="strategy.unusable"
        )
    return dict(sorted(known.items()))


def named(names: list[str], known: Mapping[str, Strategy]) -> dict[str, Strategy]:
    """These strategies.

    Raises:
        UserError: one of them is unknown; all such are listed.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(
            f"there is no strategy {', '.join(map(repr, unknown))}; there are {', '.join(known)}. A new one is a "
            "file in the project's strategies folder (CONTRIBUTING.md)",
            code="strategy.unknown",
        )
    return {name: known[name] for name in names}


def parts(names: Iterable[str], options: Select) -> list[str]:
    """Names of strategies, each once, with the mixture's parts in its place."""
    spread = [part for name in names for part in (options.mix if name == MIX else [name])]
    return list(dict.fromkeys(spread))


def needing(what: str, names: Iterable[str], options: Select, known: Mapping[str, Strategy]) -> list[str]:
    """Those of these names whose strategy, or a part of the mixture, looks at labels, rewards or the seed."""
    return [
        name
        for name in names
        if any(what in one.needs for one in named(parts([name], options), known).values())
    ]


def pilot_problem(by: str, known: Mapping[str, Strategy]) -> str | None:
    """Why nobody of this name can pick a pilot; None where it can."""
    if by not in known:
        return f"there is no strategy {by!r} that could pick a pilot; there are {', '.join(known)}"
    if "rewards" in known[by].needs:
        return f"{by} needs implicit rewards and cannot pick a pilot; name another strategy"
    return None


def refuse(
    names: Iterable[str], known: Mapping[str, Strategy], options: Select, pilot: Pilot, rewards: Rewards
) -> None:
    """Say before any work what a run could not do: unknown strategies, and those that need what is not there.

    Raises:
        UserError: all problems are listed.
    """
    wanted = named(parts(names, options), known).values()
    learners = [s.name for s in wanted if "labels" in s.needs]
    problems = []
    if learners and not pilot.prompts:
        problems.append(
            f"{', '.join(learners)}: learns from labels; set pilot.prompts above 0 (160 is a fair start), or "
            "name another strategy"
        )
    elif learners and options.budget is not None and options.budget <= pilot.prompts:
        problems.append(
            f"{', '.join(learners)}: the pilot counts in the budget, and select.budget {options.budget} is not above "
            f"pilot.prompts {pilot.prompts}; raise the one, or lower the other"
        )
    problem = pilot_problem(pilot.by, known) if learners else None
    if problem:
        problems.append(f"pilot.by: {problem}")
    problems += unrewarded(wanted, rewards.reward != "none") + option_problems(wanted, known, options)
    if problems:
        raise UserError(
            listing("params.yaml names strategies that cannot run:", problems), code="strategy.impossible"
        )


def unrewarded(wanted: Iterable[Strategy], computed: bool) -> list[str]:
    """What speaks against these strategies where nobody computes the rewards that they pick by: a sentence or none."""
    names = [s.name for s in wanted if "rewards" in s.needs]
    if computed or not names:
        return []
    return [
        f"{', '.join(names)}: picks by the policy's own reward of each response; set rewards.reward to base or "
        "adapter (docs/operations.md), or name another strategy"
    ]


def option_problems(wanted: Iterable[Strategy], known: Mapping[str, Strategy], options: Select) -> list[str]:
    """What is wrong with select.options: parameters of strategies that do not exist, or of these strategies."""
    strangers = [
        f"select.options.{name}: there is no strategy {name!r}; there are {', '.join(known)}"
        for name in options.options
        if name not in known
    ]
    return strangers + [problem for strategy in wanted for problem in strategy.problems(options)]


def _problem(name: str, error: dict[str, Any]) -> str:
    key = ".".join(["select.options", name, *map(str, error["loc"])])
    if error["type"] == "missing":
        return f"{key}: missing; strategy {name!r} has no default for it"
    if error["type"] == "extra_forbidden":
        return f"{key}: strategy {name!r} has no such parameter; take it out"
    return f"{key}: {error['msg'][:1].lower()}{error['msg'][1:]} (it is {error['input']!r:.80})"


def _own(path: Path) -> Strategy:
    name = path.stem
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(
            f"{path.name}: a strategy's file is named like its function, letters and _ only",
            code="strategy.name",
        )
    if name in _shipped() or name == MIX:
        raise UserError(
            f"{path.name}: realign has a strategy {name!r} already; take another name",
            code="strategy.name_taken",
        )
    spec = importlib.util.spec_from_file_location(f"own_strategy_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UserError(f"{path.name} line {error.lineno}: {error.msg}", code="strategy.syntax") from None
    except Exception as error:
        raise UserError(
            f"{path.name} cannot be loaded: {_words(error, path)}", code="strategy.unloadable"
        ) from None
    return _strategy(name, module, path)


def _strategy(name: str, module: ModuleType, file: Path | None) -> Strategy:
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"{name}.py: holds no function {name}(pool)", code="strategy.no_function")
    needs = getattr(module, "NEEDS", ())
    wrong = [need for need in needs if need not in NEEDS] if isinstance(needs, tuple) else [needs]
    if wrong:
        raise UserError(
            f"{name}.py: NEEDS must be a tuple of {', '.join(NEEDS)}; it has {wrong[0]!r}",
            code="strategy.needs_unknown",
        )
    return Strategy(name, function, needs, _parameters(name, function), file)


def _parameters(name: str, function: Callable[..., Any]) -> type[Section]:
    """The keyword-only arguments of a strategy as a section of params.yaml."""
    own = [one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
    defaults = [one.name for one in own if one.default is not one.empty]
    if defaults:
        raise UserError(
            f"{name}.py: {defaults[0]} has a default in code, and DVC would not see it change; write its value to "
            f"select.options.{name} in params.yaml",
            code="strategy.default",
        )
    hints = get_type_hints(function, include_extras=True) if own else {}
    fields: dict[str, Any] = {one.name: (hints.get(one.name, Any), ...) for one in own}
    return create_model(name, __base__=Section, **fields)


def _words(error: Exception, path: Path) -> str:
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    where = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {error}{where}"
