"""What the benchmarks are to reach, and what they reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

from benchmarks.attempt import Attempt
from benchmarks.families import Mean, Score, mean
from benchmarks.phases import TARGET_S, TARGET_SIZE, Phases

GIB: Final = 2**30


class Rung(NamedTuple):
    """What the engine is to reach at one size: median of the seeds, two cores."""

    time_limit_s: float
    gap: dict[str, float]
    memory_bytes: int
    first_plan_s: float | None


ENGINE: Final = "decomposition"
# Public instances are small and large: the engine that picks is what a user would take.
FAMILY_ENGINE: Final = "auto"
LADDER: Final = {
    4_000: Rung(60.0, {"connected": 0.0015, "separable": 0.0005}, 1 * GIB, None),
    20_000: Rung(60.0, {"connected": 0.006, "separable": 0.001}, 1 * GIB, None),
    100_000: Rung(120.0, {"connected": 0.008, "separable": 0.003}, 2 * GIB, 5.0),
    1_000_000: Rung(300.0, {"connected": 0.012, "separable": 0.006}, 8 * GIB, 30.0),
}


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target, what was reached, and whether that is enough.

    ``reached`` is ``None`` if there was nothing to measure; that is a miss. ``unit`` is ``%``,
    ``s`` or ``GiB``; shares are kept as shares and bytes as bytes.
    """

    what: str
    target: float
    reached: float | None
    unit: str
    at_least: bool = False
    remark: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        if self.reached is None:
            return False
        # A hair is a rounding error of the sum, not a miss.
        hair = 1e-9 * self.target
        if self.at_least:
            return self.reached >= self.target - hair
        return self.reached <= self.target + hair


class FamilyTarget(NamedTuple):
    """A target for some instances of the public families: share proven optimal, or mean gap."""

    which: str
    includes: Callable[[Score], bool]
    time_limit_s: float
    proven: float | None = None
    gap: float | None = None


FAMILIES: Final = (
    FamilyTarget("cap41–134", lambda s: s.family == "cflp_orlib", 60.0, proven=1.0),
    FamilyTarget("Holmberg", lambda s: s.family == "sscflp_holmberg", 60.0, proven=0.9),
    FamilyTarget("Díaz–Fernández", lambda s: s.family == "sscflp_diazfernandez", 60.0, gap=0.001),
    FamilyTarget("Yang", lambda s: s.family == "sscflp_yang", 60.0, gap=0.001),
    FamilyTarget(
        "GAP C, D, E up to 20 × 200",
        lambda s: (
            s.family == "gap"
            and s.instance.rpartition("/")[2][:1] in ("c", "d", "e")
            and s.num_suppliers <= 20
            and s.num_demands <= 200
        ),
        60.0,
        gap=0.002,
    ),
    FamilyTarget(
        "fixed-charge transportation 15 × 15",
        lambda s: s.family == "fctp_rto" and s.num_suppliers == 15 and s.num_demands == 15,
        60.0,
        gap=0.005,
    ),
    FamilyTarget(
        "TBED1 300 × 300",
        lambda s: s.family == "sscflp_tbed1" and s.num_suppliers == 300 and s.num_demands == 300,
        300.0,
        gap=0.003,
    ),
)


def of_ladder(attempts: Sequence[Attempt], engine: str = ENGINE) -> list[TargetResult]:
    """The ladder's targets, for the sizes and kinds that were tried with the stated time."""
    results = []
    for size, rung in LADDER.items():
        for kind, allowed in rung.gap.items():
            tried = [
                each
                for each in attempts
                if (each.engine, each.size, each.kind) == (engine, size, kind)
                and each.time_limit_s == rung.time_limit_s
            ]
            if not tried:
                continue
            where = f"{size:,} candidates, {kind}, {rung.time_limit_s:.0f} s"
            gaps = [each.proven_gap for each in tried]
            seeds = f"median of {len(tried)}" if len(tried) > 1 else "one seed"
            results.append(
                TargetResult(f"{where}: proven gap", allowed, _median(gaps), "%", False, seeds)
            )
            peak = _median([each.peak_bytes for each in tried])
            results.append(TargetResult(f"{where}: memory", rung.memory_bytes, peak, "GiB"))
            if rung.first_plan_s is not None:
                first = _median([each.first_plan_s if each.counts else None for each in tried])
                results.append(TargetResult(f"{where}: first plan", rung.first_plan_s, first, "s"))
    return results


def of_phases(measured: Sequence[Phases]) -> list[TargetResult]:
    """The target for what comes before the solver."""
    tried = [each for each in measured if each.size == TARGET_SIZE]
    if not tried:
        return []
    slowest = max(tried, key=lambda each: each.to_formulation_s)
    return [
        TargetResult(
            f"{TARGET_SIZE:,} candidates: Parquet to formulation",
            TARGET_S,
            slowest.to_formulation_s,
            "s",
            remark=f"the slowest run; most time in {slowest.dominant}",
        )
    ]


def of_families(scores: Sequence[Score]) -> list[TargetResult]:
    """The targets on public instances, for those that were tried with the stated time."""
    results = []
    for target in FAMILIES:
        tried = [
            each
            for each in scores
            if target.includes(each) and each.time_limit_s == target.time_limit_s
        ]
        if not tried:
            continue
        found = mean(target.which, tried)
        where, remark = f"{target.which}, {target.time_limit_s:.0f} s", _tried(found)
        if target.proven is not None:
            results.append(
                TargetResult(
                    f"{where}: proven optimal",
                    target.proven,
                    found.proven,
                    "%",
                    at_least=True,
                    remark=remark,
                )
            )
        if target.gap is not None:
            # Without a plan there is no gap, and leaving it out of the mean would flatter it.
            reached = found.gap_to_best_known if found.num_plans == found.num_runs else None
            what = f"{where}: mean gap to best known"
            results.append(TargetResult(what, target.gap, reached, "%", remark=remark))
    return results


def _tried(found: Mean) -> str:
    text = f"{found.num_instances} instances, {found.num_runs} runs"
    lacking = found.num_runs - found.num_plans
    return f"{text}, {lacking} without a plan" if lacking else text


def _median(values: Sequence[float | None]) -> float | None:
    """The median, with nothing counted as the worst."""
    worst = float("inf")
    middle = median(worst if value is None else value for value in values)
    return None if middle == worst else middle
