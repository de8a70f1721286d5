"""The search for the points of a frontier: the ends, then levels of the second objective."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from matcher.engines.base import Engine, Limits, Outcome, Progress
from matcher.formulation import Formulation, LinearObjective
from matcher.network.arrays import Floats
from matcher.program import Program
from matcher.solve.search import Clock, Step, pursue, solution
from matcher.status import STOPPED_TEXT
from matcher.tolerances import STATED

# Of these a fraction is worth nothing, so levels between two whole numbers are one.
COUNTED = ("linkages", "supplier_count")
ENDED_EARLY = "The search ended before all points were found."


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The steps to a point, from coverage on.

    ``level`` is the most that the second objective, as it is minimised, was allowed to be while the
    first was brought down: infinite at the first end, the least there is at the second.
    """

    steps: tuple[Step, ...]
    level: float

    def outcome(self, objective: LinearObjective) -> Outcome | None:
        """What the search for an objective came to, if it found anything."""
        return _outcome(self.steps, objective)

    @property
    def x(self) -> Floats:
        """The solution that was found last."""
        x = solution(self.steps)
        assert x is not None
        return x


@dataclass(frozen=True, slots=True)
class FrontierSearch:
    """What the search for a frontier needs.

    Parameters
    ----------
    at
        Position of the first objective among the formulation's objectives; the second follows it.
    points
        How many, the ends among them.
    """

    solver: Engine
    formulation: Formulation
    at: int
    points: int
    limits: Limits
    clock: Clock
    on_progress: Callable[[str, Progress], None] | None = None
    cancelled: Callable[[], bool] | None = None

    @property
    def first(self) -> LinearObjective:
        """The objective of the first objective."""
        return self.formulation.objectives[self.at]

    @property
    def second(self) -> LinearObjective:
        """The objective of the second objective."""
        return self.formulation.objectives[self.at + 1]

    def run(self) -> tuple[tuple[Trace, ...], str]:
        """The traces, from the first end to the second, and why there are not more, if so.

        Levels are gone through from the second end, so that each solution keeps the next level and
        the search for it begins there. Each search gets its share of the time that is left, the
        one for the first end also one for coverage.
        """
        steps = self._pursue(1, 2 / (self.points + 1), self.formulation)
        start = Trace(steps, np.inf)
        if start.outcome(self.first) is None:
            last = steps[-1].outcome
            why = "no plan exists" if last.solution_status == "infeasible" else _ended(last)
            return (), f"The search ended before the first plan: {why}."
        if self._is_ended(steps):
            return (start,), ENDED_EARLY
        shared = steps[: self.at]
        objectives = list(self.formulation.objectives)
        objectives[self.at : self.at + 2] = self.second, self.first
        turned = replace(self.formulation, objectives=tuple(objectives))
        steps = self._pursue(2, 1 / (self.points - 1), turned, taken=shared, start=start.x)
        best = _outcome(steps, self.second)
        if best is None or best.best is None or _outcome(steps, self.first) is None:
            return (start,), ENDED_EARLY
        end = Trace(steps, best.best)
        if self._is_ended(steps):
            return (start, end), ENDED_EARLY
        return self._between(start, end, shared)

    def _between(
        self, start: Trace, end: Trace, shared: tuple[Step, ...]
    ) -> tuple[tuple[Trace, ...], str]:
        found = [end]
        levels = self._levels(start, end)
        for number, level in enumerate(levels.tolist()):
            if self.clock.left <= 0:
                break
            narrow = partial(self.formulation.keeping, objective=self.second, most=level)
            share = 1 / (len(levels) - number)
            steps = self._pursue(
                number + 3, share, self.formulation, narrow, taken=shared, start=found[-1].x
            )
            trace = Trace(steps, level)
            if trace.outcome(self.first) is not None:
                found.append(trace)
            if self._is_ended(steps):
                return (start, *reversed(found)), ENDED_EARLY
        is_whole = len(found) == len(levels) + 1
        return (start, *reversed(found)), "" if is_whole else ENDED_EARLY

    def _levels(self, start: Trace, end: Trace) -> Floats:
        """Levels of the second objective between the ends, from the second to the first."""
        low, high = (
            float(self.second.cost @ trace.x) + self.second.offset for trace in (end, start)
        )
        if high - low <= STATED * max(1.0, abs(low)):
            return np.empty(0)
        levels: Floats = np.linspace(low, high, self.points)[1:-1]
        if self.second.name in COUNTED:
            levels = np.unique(np.floor(levels + STATED))
            levels = levels[levels > low + STATED]
        return levels

    def _is_ended(self, steps: tuple[Step, ...]) -> bool:
        """Whether somebody ended the search; an engine that was done at once need not say so."""
        asked = self.cancelled is not None and self.cancelled()
        return asked or any(step.outcome.termination_reason == "cancelled" for step in steps)

    def _pursue(
        self,
        number: int,
        share: float,
        formulation: Formulation,
        narrow: Callable[[Program], Program] | None = None,
        taken: tuple[Step, ...] = (),
        start: Floats | None = None,
    ) -> tuple[Step, ...]:
        """Search number so and so, with a share of the time that is left."""

        def told(objective: str, progress: Progress) -> None:
            if self.on_progress is not None:
                self.on_progress(f"{number} of {self.points}, {objective}", progress)

        return pursue(
            self.solver,
            formulation,
            self.limits,
            Clock(time.monotonic(), self.clock.left * share),
            told,
            self.cancelled,
            narrow,
            taken,
            start,
        )


def _outcome(steps: tuple[Step, ...], objective: LinearObjective) -> Outcome | None:
    """What the search for an objective came to, if it found anything."""
    found = (step.outcome for step in steps if step.objective is objective)
    return next((outcome for outcome in found if outcome.x is not None), None)


def _ended(outcome: Outcome) -> str:
    return "; ".join(filter(None, [STOPPED_TEXT[outcome.termination_reason], outcome.detail]))
