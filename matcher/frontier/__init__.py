"""The frontier of two objectives: how much of one is given up for more of the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

from matcher import formatting
from matcher.engines import kept_engine
from matcher.engines.base import Progress
from matcher.errors import InputError, Issue
from matcher.formulation import formulate
from matcher.frontier.points import plans_of, points_of
from matcher.frontier.search import COUNTED, FrontierSearch
from matcher.judge import check
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.options import SolveOptions
from matcher.plan import Plan
from matcher.schema.objectives import GAINS, Name
from matcher.schema.tables import BY_NAME
from matcher.screening.candidates import screen
from matcher.solve import limits_of
from matcher.solve.search import Clock
from matcher.tolerances import STATED

FORMAT = "matcher frontier 1"
FEWEST_POINTS, MOST_POINTS = 2, 50
# Coverage comes first in every plan, so it is not among those to choose from.
CHOICES: tuple[str, ...] = tuple(name for name in get_args(Name) if name != "coverage")
# What people call the objectives, and their units; without one it is the network's currency.
WORDS: dict[str, tuple[str, str | None]] = {
    "cost": ("cost", None),
    "local_value": ("local value", None),
    "linkages": ("SMEs with a viable award", None),
    "concentration": ("value with the largest supplier", None),
    "delivery_slack": ("delivery slack", "days (weighted by share of demand)"),
    "supplier_count": ("suppliers", None),
    "emissions": ("emissions", "kg CO₂e"),
}


@dataclass(frozen=True, slots=True)
class Frontier:
    """Plans of which none is better in one of two objectives without being worse in the other.

    Parameters
    ----------
    first, second
        The objectives.
    points
        One row a plan, from the best in ``first`` to the best in ``second``: ``point`` (from 1),
        the values of both as people count them, ``cost``, ``coverage_loss``, the ``bound`` of the
        first objective (no plan that covers as much and has as much of the second is better) with
        its relative ``gap``, the number of ``suppliers``, and whether it is ``proven`` that no
        plan that covers as much is better in one objective and as good in the other.
    plans
        The plan of each point; all of them pass `matcher.check`. What a plan claims of cost is its
        distance to the cheapest plan, not to the frontier.
    notes
        What kept points from being made.
    """

    network: str
    input_hash: str
    currency: str
    first: str
    second: str
    points: pl.DataFrame
    plans: tuple[Plan, ...]
    notes: tuple[str, ...] = ()

    @property
    def best_exchange(self) -> int:
        """Row of the point that gains most of the second for what it gives up of the first.

        Both are counted as shares of what lies between the ends; -1 without a second point. The
        last point if none lies on the better side of the line between the ends.
        """
        if self.points.height < 2:
            return -1
        lost, gained = (
            np.abs(values - values[0]) / abs(values[-1] - values[0])
            for values in (self.points[name].to_numpy() for name in (self.first, self.second))
        )
        advantage = gained - lost
        row = int(advantage.argmax())
        return row if advantage[row] > STATED else self.points.height - 1

    @property
    def verdict(self) -> str:
        """The frontier in a few sentences."""
        number = self.points.height
        if number == 0:
            return " ".join(["No plan was found.", *self.notes])
        if number == 1:
            values = " and ".join(
                f"{WORDS[name][0]} {_amount(self.points[name][0], name, self.currency)}"
                for name in (self.first, self.second)
            )
            only = "Only one plan was found" if self.notes else "One plan is best in both"
            return " ".join([f"{only}: {values}.", *self.notes])
        row = self.best_exchange
        said = [f"Best trade-off, point {row + 1} of {number}: {self._exchange(row)}."]
        if row < number - 1:
            said.append(f"At the far end, point {number}: {self._exchange(number - 1)}.")
        return " ".join([*said, self._proof(), *self.notes])

    def _exchange(self, row: int) -> str:
        """What the point of a row has more or less than the first point."""
        gained, lost = (
            _change(name, float(self.points[name][0]), float(self.points[name][row]), self.currency)
            for name in (self.second, self.first)
        )
        return f"{gained} for {lost}"

    def _proof(self) -> str:
        if self.points["proven"].all():
            return "Every point is proven optimal."
        gaps = self.points["gap"]
        if gaps.null_count():
            return "Not every point has a proven bound."
        most = formatting.gap(float(gaps.max()))  # type: ignore[arg-type]
        return f"All points are within {most} of their proven bounds."

    def to_dict(self) -> dict[str, Any]:
        """The frontier as plain JSON values, with the plan of each point."""
        return {
            "format": FORMAT,
            "network": self.network,
            "input_hash": self.input_hash,
            "currency": self.currency,
            "first": self.first,
            "second": self.second,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "points": [
                row | {"plan": plan.to_dict()}
                for row, plan in zip(self.points.iter_rows(named=True), self.plans, strict=True)
            ],
        }

    def write(self, path: str | Path) -> None:
        """Write it: .json with the plans, .csv of the points, or a chart as .png or .svg.

        Raises
        ------
        InputError
            The suffix is none of these, or there is nothing to draw.
        """
        path = Path(path)
        _FORMATS[suffix_of(path)](self, path)

    def _draw(self, path: Path) -> None:
        # Loading the plotting library takes half as long as all else: only who draws waits for it.
        from matcher.frontier.chart import Axis, frontier_chart
        from matcher.report import drawing

        def axis(name: str) -> Axis:
            word, unit = WORDS[name]
            label = word[0].upper() + word[1:]
            if name not in COUNTED:
                label += f", {unit or self.currency}"
            return Axis(name, label, word, is_gain=name in GAINS, is_counted=name in COUNTED)

        if self.points.is_empty():
            raise InputError(
                [
                    Issue(
                        code="nothing_to_draw",
                        table=str(path),
                        problem=f"has nothing to show: {self.verdict}",
                        fix="write a .json file instead, or allow the search more time",
                    )
                ]
            )
        first, second = axis(self.first), axis(self.second)
        row = self.best_exchange
        figure = frontier_chart(self.points, first, second, self.verdict, None if row < 0 else row)
        if path.suffix.lower() == ".png":
            path.write_bytes(drawing.png(figure))
        else:
            title = f"{second.word} versus {first.word}: {self.verdict}"
            path.write_text(drawing.svg(figure, title), encoding="utf-8")

    def _write_json(self, path: Path) -> None:
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    def _write_csv(self, path: Path) -> None:
        self.points.write_csv(path)


_FORMATS: dict[str, Callable[[Frontier, Path], None]] = {
    ".json": Frontier._write_json,
    ".csv": Frontier._write_csv,
    ".png": Frontier._draw,
    ".svg": Frontier._draw,
}


def suffix_of(path: Path) -> str:
    """The suffix that names the format of a frontier's file.

    Raises
    ------
    InputError
        It is none that a frontier is written in.
    """
    suffix = path.suffix.lower()
    if suffix in _FORMATS:
        return suffix
    raise InputError(
        [
            Issue(
                code="unknown_format",
                table=str(path),
                value=path.suffix or None,
                problem="is not a file format of a frontier",
                fix=f"end the file name in one of {', '.join(_FORMATS)}",
            )
        ]
    )


def frontier(  # noqa: PLR0913 - keywords, those of `matcher.solve`
    network: Network,
    first: str = "cost",
    second: str = "local_value",
    *,
    points: int = 8,
    time_limit_s: float = 60.0,
    gap_limit: float = 1e-4,
    engine: str = "auto",
    threads: int = 2,
    seed: int = 0,
    on_progress: Callable[[str, Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Frontier:
    """Plan for two objectives at once: what more of the second costs in the first.

    Coverage, and targets without a price, come before both, as in every plan. The ends are best in
    one objective and then in the other. Levels of the second divide what lies between them evenly;
    at each the first is brought to its best with the second at least that good, and then the
    second is improved for the same first (the ε-constraint method of Haimes, Lasdon and Wismer,
    IEEE Transactions on Systems, Man, and Cybernetics 1 (1971), 296–297). Cost decides last.

    Parameters
    ----------
    first, second
        Two of cost, local_value, linkages, concentration, delivery_slack, supplier_count and
        emissions. What the table ``objectives`` states of their economies and viable value holds;
        its order, weights and tolerances do not.
    points
        At most so many, from 2 to 50, the ends among them. Equal points are one.
    time_limit_s
        Seconds for all points together; when they are over, the points made so far are returned.
    on_progress
        Called with the number of the search and its objective, and where it stands.
    cancelled
        Asked a few times a second; once it answers ``True`` the points made so far are returned.

    Other parameters are those of `matcher.solve`.

    Raises
    ------
    InputError
        Options make no sense (all are listed), or a lane cannot be costed.
    EngineUnavailable, EngineCrashed
        The engine is unknown or not installed, or died before it gave any answer.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.frontier(network, "cost", "supplier_count", points=2, gap_limit=0.0).verdict
    'One plan is best in both: cost 44,035 USD and suppliers 3.'
    """
    began = time.monotonic()
    issues = list(_issues(network, first, second, points))
    options = SolveOptions(
        time_limit_s=time_limit_s, gap_limit=gap_limit, threads=threads, seed=seed
    )
    limits = limits_of(options, others=issues)
    with kept_engine(engine) as solver:
        arrays = to_arrays(replace(network, objectives=_objectives(network, first, second)))
        screening = screen(arrays)
        formulation = formulate(arrays, screening.candidates)
        search = FrontierSearch(
            solver=solver,
            formulation=formulation,
            at=[objective.name for objective in formulation.objectives].index(first),
            points=points,
            limits=limits,
            clock=Clock(began, limits.time_s),
            on_progress=on_progress,
            cancelled=cancelled,
        )
        traces, note = search.run()
    plans = plans_of(network, arrays, screening, search, traces, began)
    notes, good = [note] if note else [], []
    for trace, plan in zip(traces, plans, strict=True):
        judgement = check(network, plan)
        if judgement.ok:
            good.append((trace, plan))
        else:
            fault = judgement.findings[0].message
            notes.append(f"A plan was dropped because it failed the independent check: {fault}.")
    frame, kept = points_of(search, traces, good)
    if len(kept) < len(good) and not frame["proven"].all():
        worse = formatting.count(len(good) - len(kept), "plan")
        notes.append(
            f"Dropped as no better than others: {worse}. A smaller gap or more time may find more."
        )
    return Frontier(
        network=network.name,
        input_hash=network.input_hash,
        currency=network.currency,
        first=first,
        second=second,
        points=frame,
        plans=tuple(good[i][1] for i in kept),
        notes=tuple(notes),
    )


def _issues(network: Network, first: str, second: str, points: int) -> Iterator[Issue]:
    """All that is wrong with the choice of objectives and points."""
    for option, name in (("first", first), ("second", second)):
        if name not in CHOICES:
            problem = "is not an objective to choose from"
            if name == "coverage":
                problem = "always comes first, in every plan"
            fix = f"choose one of {', '.join(CHOICES)}"
            yield Issue(
                code="bad_option",
                table="frontier",
                column=option,
                value=name,
                problem=problem,
                fix=fix,
            )
    if first == second:
        fix = "choose another objective"
        yield Issue(
            code="bad_option",
            table="frontier",
            column="second",
            value=second,
            problem="is the first objective already",
            fix=fix,
        )
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        fix = f"give a number from {FEWEST_POINTS} to {MOST_POINTS}"
        yield Issue(
            code="bad_option",
            table="frontier",
            column="points",
            value=str(points),
            problem="is out of range",
            fix=fix,
        )
    stated = network.objectives.filter(pl.col("objective") == "linkages")["viable_value"]
    if "linkages" in (first, second) and not stated.fill_null(0.0).gt(0).any():
        yield Issue(
            code="no_viable_value",
            table="objectives",
            column="viable_value",
            problem="is not stated for linkages, so every SME with any award would count",
            fix="add a row for linkages with the smallest value that is worth an SME's while",
        )


def _objectives(network: Network, first: str, second: str) -> pl.DataFrame:
    """The table ``objectives`` for the two in order, with what the network states of each."""
    stated = {row["objective"]: row for row in network.objectives.iter_rows(named=True)}
    rows = [
        {"economies": None, "viable_value": 0.0}
        | stated.get(name, {})
        | {"objective": name, "order": order, "weight": 1.0, "tolerance": 0.0}
        for order, name in enumerate((first, second), start=1)
    ]
    return pl.DataFrame(rows, schema=BY_NAME["objectives"].empty().schema)


def _amount(value: float, name: str, currency: str) -> str:
    """A value of an objective with its unit."""
    _, unit = WORDS[name]
    if name in COUNTED:
        return formatting.quantity(value)
    return f"{formatting.money(value)} {currency if unit is None else unit}"


def _change(name: str, before: float, after: float, currency: str) -> str:
    """A change of an objective, such as ``1.2% more cost`` or ``2 fewer suppliers``."""
    word = WORDS[name][0]
    if name in COUNTED:
        number = round(abs(after - before))
        word = word.replace("suppliers", "supplier").replace("SMEs", "SME") if number == 1 else word
        return f"{number} {'more' if after >= before else 'fewer'} {word}"
    direction = "more" if after >= before else "less"
    if abs(before) < STATED:
        return f"{_amount(abs(after - before), name, currency)} {direction} {word}"
    return f"{formatting.share(abs((after - before) / before))} {direction} {word}"
