"""One engine at one network, in a process of its own, and what came of it."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Watched, speaker, watch
from benchmarks.networks import NetworkSpec
from matcher.engines.base import Progress
from matcher.errors import EngineUnavailable, MatcherError
from matcher.judge import check
from matcher.read import read
from matcher.solve import solve
from matcher.status import gap

# A plan that is worse covered than another by no more than this covers as much.
SAME_COVERAGE = 1e-6
_READ_S, _CHECK_S = 600.0, 600.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an engine made of a network.

    Parameters
    ----------
    size
        Number of candidates that was asked for; ``candidates`` is the number there was.
    failed
        Empty if the process ended well; else what happened to it. Nothing it found counts then.
    best, bound, gap
        Cost of the plan, proven bound on the cost of any that covers as much, and the gap between
        them.
    unmet, coverage_proven
        Σ priority × unmet share, and whether less of it was proven impossible.
    judged
        ``ok`` if the judge found nothing, else the faults; ``None`` without a plan.
    read_s, solve_s, check_s, first_plan_s
        Wall-clock seconds. The first plan is the first that covers as much as the last one.
    peak_bytes
        Most memory of all processes until the plan was there.
    trajectory
        (seconds, best, bound, gap) while the cost came down.
    """

    size: int
    kind: str
    seed: int
    engine: str
    threads: int
    time_limit_s: float
    gap_limit: float
    failed: str = ""
    engine_version: str | None = None
    candidates: int | None = None
    demands: int | None = None
    suppliers: int | None = None
    solution_status: str | None = None
    termination_reason: str | None = None
    detail: str = ""
    best: float | None = None
    bound: float | None = None
    gap: float | None = None
    unmet: float | None = None
    coverage_proven: bool = False
    judged: str | None = None
    read_s: float | None = None
    solve_s: float | None = None
    check_s: float | None = None
    first_plan_s: float | None = None
    peak_bytes: int | None = None
    trajectory: tuple[tuple[float, float | None, float | None, float | None], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether there is a plan that the judge let pass."""
        return self.judged == "ok"

    @property
    def proven_gap(self) -> float | None:
        """The gap, if it says something: the plan is judged, and its coverage proven."""
        return self.gap if self.counts and self.coverage_proven else None

    def to_dict(self) -> dict[str, Any]:
        """The attempt as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Attempt:
        """The attempt that `to_dict` gave; other keys are passed over."""
        own = {name: values[name] for name in Attempt.__dataclass_fields__ if name in values}
        own["trajectory"] = tuple(tuple(point) for point in own.get("trajectory", ()))
        return Attempt(**own)


def attempt(
    folder: Path,
    spec: NetworkSpec,
    *,
    engine: str,
    time_limit_s: float,
    gap_limit: float,
    threads: int,
) -> Attempt:
    """Let an engine solve the network in ``folder``, and have its plan judged.

    The process is ended some time after its limit, and when it takes more memory than the machine
    can spare.

    Raises
    ------
    EngineUnavailable
        There is no such engine here.
    """
    done = watch(
        "benchmarks.attempt",
        *(folder, engine, time_limit_s, gap_limit, threads, spec.seed),
        threads=threads,
        allowed_s={
            "start": 120.0,
            "read": _READ_S,
            "solve": 1.2 * time_limit_s + 60.0,
            "check": _CHECK_S,
        },
    )
    said: dict[str, Any] = {}
    for message in done.messages:
        said |= {key: value for key, value in message.items() if key != "progress"}
    if "unavailable" in said:
        raise EngineUnavailable(said["unavailable"])
    if "error" in said:
        done = Watched(done.messages, done.peak_bytes, said.pop("error"))
    progress = [message["progress"] for message in done.messages if "progress" in message]
    return Attempt(
        **spec._asdict(),
        engine=engine,
        threads=threads,
        time_limit_s=time_limit_s,
        gap_limit=gap_limit,
        failed=done.failed,
        first_plan_s=_first_plan_s(progress, said.get("unmet"), said.get("solve_s")),
        peak_bytes=max(done.peak_bytes.get(stage, 0) for stage in ("start", "read", "solve")),
        trajectory=_trajectory(progress, said),
        **said,
    )


def _first_plan_s(
    progress: list[list[Any]], unmet: float | None, solve_s: float | None
) -> float | None:
    """When the first plan was there that covers as much as the last one."""
    if unmet is None:
        return None
    for seconds, objective, best, _ in progress:
        if best is not None and (objective == "cost" or best <= unmet + SAME_COVERAGE):
            return float(seconds)
    return solve_s


def _trajectory(
    progress: list[list[Any]], said: dict[str, Any]
) -> tuple[tuple[float, float | None, float | None, float | None], ...]:
    """Where the cost stood, each time that it or its bound moved."""
    points = [
        (seconds, best, bound)
        for seconds, objective, best, bound in progress
        if objective == "cost" and (best is not None or bound is not None)
    ]
    if points and said.get("best") is not None:
        points.append((said["solve_s"], said["best"], said["bound"]))
    moved = [
        point
        for before, point in zip([None, *points], points, strict=False)
        if before is None or before[1:] != point[1:] or point is points[-1]
    ]
    return tuple((*point, gap(point[1], point[2])) for point in moved)


def _main(
    folder: str, engine: str, time_limit_s: str, gap_limit: str, threads: str, seed: str
) -> None:
    say = speaker()
    say(stage="read")
    began = time.perf_counter()
    network = read(folder)
    say(
        read_s=time.perf_counter() - began,
        demands=network.demands.height,
        suppliers=network.suppliers.height,
    )
    say(stage="solve")
    began = time.perf_counter()

    def on_progress(objective: str, state: Progress) -> None:
        seconds = round(time.perf_counter() - began, 3)
        say(progress=(seconds, objective, state.best, state.bound))

    try:
        plan = solve(
            network,
            time_limit_s=float(time_limit_s),
            gap_limit=float(gap_limit),
            engine=engine,
            threads=int(threads),
            seed=int(seed),
            on_progress=on_progress,
        )
    except EngineUnavailable as error:
        say(unavailable=str(error))
        return
    except MatcherError as error:
        say(error=f"{type(error).__name__}: {error}")
        return
    solve_s = time.perf_counter() - began
    result, run = plan.result, plan.run
    assert result is not None
    assert run is not None
    has_plan = result.best is not None
    say(stage="check")
    began = time.perf_counter()
    judgement = check(network, plan) if has_plan else None
    faults = [] if judgement is None else sorted({each.code for each in judgement.findings})
    say(
        solve_s=solve_s,
        check_s=time.perf_counter() - began,
        engine_version=run.engine_version,
        candidates=run.candidates,
        solution_status=result.solution_status,
        termination_reason=result.termination_reason,
        detail=result.detail,
        best=result.best,
        bound=result.bound,
        gap=result.gap,
        unmet=None if result.coverage is None else result.coverage.unmet,
        coverage_proven=result.coverage is not None and result.coverage.proven,
        judged=None if judgement is None else "ok" if judgement.ok else ", ".join(faults),
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
