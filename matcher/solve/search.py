"""The search: one objective after the other, each keeping what was reached of those before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matcher.engines.base import Engine, Limits, Outcome, Progress
from matcher.formulation import Formulation, LinearObjective
from matcher.network.arrays import Floats
from matcher.program import Program
from matcher.schema.objectives import COVERAGE

# Coverage comes first, but may not eat the time in which the rest is brought down.
COVERAGE_SHARE_OF_TIME = 0.5

Tell = Callable[[str, Progress], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What the search for one objective found."""

    objective: LinearObjective
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a search has: ``seconds`` since it ``began``."""

    began: float
    seconds: float

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self.seconds - (time.monotonic() - self.began), 0.0)


def pursue(  # noqa: PLR0913 - keywords with defaults
    solver: Engine,
    formulation: Formulation,
    limits: Limits,
    clock: Clock,
    on_progress: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
    narrow: Callable[[Program], Program] | None = None,
    taken: tuple[Step, ...] = (),
    start: Floats | None = None,
) -> tuple[Step, ...]:
    """Minimise each objective in turn; ends early when one finds nothing, or the search is ended.

    Coverage, the first, is sought without a gap. The steps share the time that is left, coverage
    taking half of it at most.

    Parameters
    ----------
    narrow
        Adds further limits to the program of every step.
    taken
        Steps for the first objectives that an earlier search took, each with a solution.
    start
        A solution to begin from, used if it keeps the limits; without one, nothing is awarded.
    """
    steps = list(taken)
    reached = [step.outcome.best for step in taken if step.outcome.best is not None]
    start = formulation.empty() if start is None else start
    objectives = formulation.objectives
    for number, objective in list(enumerate(objectives))[len(steps) :]:
        is_coverage = objective.name == COVERAGE.name
        share = 1.0 / (len(objectives) - number)
        if is_coverage:
            share = min(share, COVERAGE_SHARE_OF_TIME)
        # Further limits may hold together what would otherwise cover most each for itself: under
        # them only what was found without them tells what each part covers.
        covering = _covering(steps if narrow is None else taken)
        program = formulation.minimising(number, reached, covering)
        outcome = solver.solve(
            program if narrow is None else narrow(program),
            replace(limits, time_s=clock.left * share, gap=0.0 if is_coverage else limits.gap),
            start=start,
            on_progress=_told(on_progress, objective),
            cancelled=cancelled,
        )
        steps.append(Step(objective, outcome))
        if outcome.x is None or outcome.best is None:
            break
        start = outcome.x
        reached.append(outcome.best)
        if outcome.termination_reason in ("cancelled", "memory_limit"):
            break
    return tuple(steps)


def _covering(steps: Sequence[Step]) -> Floats | None:
    """The solution of the first step, if that was for coverage."""
    if not steps or steps[0].objective.name != COVERAGE.name:
        return None
    return steps[0].outcome.x


def solution(steps: tuple[Step, ...]) -> Floats | None:
    """The last solution that was found."""
    return next((step.outcome.x for step in reversed(steps) if step.outcome.x is not None), None)


def _told(
    on_progress: Tell | None, objective: LinearObjective
) -> Callable[[Progress], None] | None:
    if on_progress is None:
        return None
    return lambda progress: on_progress(objective.name, progress)
