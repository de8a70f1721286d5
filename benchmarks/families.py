"""Public benchmark families: how close an engine comes to their best known values.

A family's folder holds data files and a ``best.csv`` with the columns of `BEST`; its name tells the
format (`benchmarks.formats`, `benchmarks.cats`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl

from benchmarks.cats import read_cats, worth
from benchmarks.formats import (
    read_cflp,
    read_fctp,
    read_gap,
    read_sscflp,
    wrong,
)
from matcher.judge import check
from matcher.network import Network
from matcher.solve import solve
from matcher.status import gap

__all__ = [
    "BEST",
    "READERS",
    "TOLERANCE",
    "Instance",
    "Mean",
    "Score",
    "best",
    "group",
    "instances",
    "mean",
    "means",
    "read_cats",
    "read_cflp",
    "read_fctp",
    "read_gap",
    "read_sscflp",
    "score",
    "scores",
]

BEST: dict[str, pl.DataType] = {
    "instance": pl.String(),
    "file": pl.String(),
    "m_suppliers": pl.Int64(),
    "n_demands": pl.Int64(),
    "lower_bound": pl.Float64(),
    "best_known": pl.Float64(),
    "proven_optimal": pl.Int64(),
    "source": pl.String(),
}
READERS: dict[str, Callable[[Path], Network]] = {
    "cats": read_cats,
    "cflp_orlib": read_cflp,
    "fctp_rto": read_fctp,
    "gap": read_gap,
    "sscflp_diazfernandez": read_sscflp,
    "sscflp_holmberg": read_sscflp,
    "sscflp_tbed1": read_sscflp,
    "sscflp_yang": read_sscflp,
}
"""Reader by name of the family's folder."""

MAXIMISED = ("cats",)
"""Families where more is better: `benchmarks.cats.worth` of a cost is their value."""

# Published values are rounded, and so are the sums of plans.
TOLERANCE = 1e-6
# Where "optimal" is the word of a solver that stopped at this relative gap.
LOOSE = {"cats": 1e-4, "fctp_rto": 1e-4}


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of a family, with what is known about it.

    ``bound`` and ``best_known``, the value of the best plan known, enclose the optimum; they are
    equal if it is proven. The bound is a lower one, or an upper one where more is better.
    """

    family: str
    name: str
    path: Path
    num_suppliers: int
    num_demands: int
    bound: float
    best_known: float
    proven: bool

    @property
    def maximised(self) -> bool:
        """Whether more is better."""
        return self.family in MAXIMISED

    def network(self) -> Network:
        """The file as a network."""
        return READERS[self.family](self.path)


@dataclass(frozen=True, slots=True)
class Score:
    r"""What an engine made of an instance.

    Parameters
    ----------
    best, bound
        In the family's own value, which is the cost unless more is better.
    gap
        The engine's own: \|best − bound\| / \|best\|.
    gap_to_best_known
        (best − best known) / \|best known\|, with the opposite sign where more is better; below
        0 it is a new best.
    judged_ok
        Whether the check of the plan found nothing.
    sound
        Whether best and bound are possible: best ≥ the known lower bound, bound ≤ the best known
        value (the reverse where more is better), and nothing is said to be infeasible or
        impossible to cover. If not, there is a bug, here or in the published values.
    """

    family: str
    instance: str
    num_suppliers: int
    num_demands: int
    engine: str
    seed: int
    threads: int
    time_limit_s: float
    best_known: float
    proven: bool
    best: float | None
    bound: float | None
    gap: float | None
    gap_to_best_known: float | None
    seconds: float
    solution_status: str
    termination_reason: str
    judged_ok: bool
    sound: bool

    def to_dict(self) -> dict[str, Any]:
        """The score as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Score:
        """The score that `to_dict` gave; other keys are passed over."""
        return Score(**{name: values[name] for name in Score.__dataclass_fields__})

    @property
    def is_optimal(self) -> bool:
        """Whether the engine proved its plan optimal, and neither judge nor literature objects."""
        return self.solution_status == "optimal" and self.judged_ok and self.sound


@dataclass(frozen=True, slots=True)
class Mean:
    """Scores of one group of instances taken together.

    Parameters
    ----------
    num_runs, num_plans
        Runs, and those that ended with a plan that covers every demand, was judged ok and has a
        possible cost.
    gap_to_best_known, worst
        Mean and largest over the runs with a plan; ``None`` without any.
    proven
        Share of all runs that were proven optimal.
    ok
        Whether every plan was judged ok and every value is possible.
    """

    name: str
    num_instances: int
    num_runs: int
    num_plans: int
    gap_to_best_known: float | None
    worst: float | None
    proven: float
    seconds: float
    ok: bool


def best(folder: Path) -> pl.DataFrame:
    """The ``best.csv`` of a family's folder."""
    path = folder / "best.csv"
    if not path.is_file():
        raise wrong(
            path, "is not there", f"give a folder of instances with a best.csv: {','.join(BEST)}"
        )
    frame = pl.read_csv(path, infer_schema=False)
    missing = [name for name in BEST if name not in frame.columns]
    if missing:
        raise wrong(path, f"lacks the columns {', '.join(missing)}", "add them")
    try:
        return frame.select(pl.col(name).cast(dtype) for name, dtype in BEST.items())
    except pl.exceptions.InvalidOperationError as error:
        raise wrong(path, str(error).split("\n")[0], "write numbers there") from None


def instances(folder: Path) -> list[Instance]:
    """The instances of a family's folder, or of every such folder within ``folder``.

    Folders of families that have no reader here are passed over.

    Raises
    ------
    InputError
        There is no folder of a known family.
    """
    folders = (
        [folder]
        if (folder / "best.csv").is_file()
        else sorted(path.parent for path in folder.glob("*/best.csv"))
    )
    known = [path for path in folders if path.resolve().name in READERS]
    if not known:
        raise wrong(
            folder,
            "has no best.csv of a known family",
            f"give a folder named {', '.join(READERS)}, or one that holds such folders",
        )
    return [_instance(path, row) for path in known for row in best(path).iter_rows(named=True)]


def _instance(folder: Path, row: dict[str, Any]) -> Instance:
    """A row of ``best.csv``; where more is better, its lower bound is the best plan's value."""
    family = folder.resolve().name
    lower, upper = row["lower_bound"], row["best_known"]
    bound, best_known = (upper, lower) if family in MAXIMISED else (lower, upper)
    return Instance(
        family,
        row["instance"],
        folder / row["file"],
        row["m_suppliers"],
        row["n_demands"],
        bound,
        best_known,
        bool(row["proven_optimal"]),
    )


def score(
    instance: Instance,
    *,
    engine: str = "highs",
    time_limit_s: float = 60.0,
    gap_limit: float = 1e-6,
    threads: int = 2,
    seed: int = 0,
) -> Score:
    """Solve an instance, have the plan judged, and compare it with what is known."""
    network = instance.network()
    began = time.monotonic()
    plan = solve(
        network,
        time_limit_s=time_limit_s,
        gap_limit=gap_limit,
        engine=engine,
        threads=threads,
        seed=seed,
    )
    seconds = time.monotonic() - began
    result = plan.result
    assert result is not None
    # A plan that leaves demand unmet answers another question, so its cost is not comparable.
    covers = plan.unmet is not None and plan.unmet.is_empty()
    value = result.best if covers else None
    bound = result.bound if covers else None
    if instance.maximised:
        value = None if value is None else worth(network, value)
        bound = None if bound is None else worth(network, bound)
    sign = -1.0 if instance.maximised else 1.0
    above = None if value is None else sign * value - sign * instance.best_known
    return Score(
        family=instance.family,
        instance=instance.name,
        num_suppliers=instance.num_suppliers,
        num_demands=instance.num_demands,
        engine=engine,
        seed=seed,
        threads=threads,
        time_limit_s=time_limit_s,
        best_known=instance.best_known,
        proven=instance.proven,
        best=value,
        bound=bound,
        gap=gap(value, bound),
        gap_to_best_known=None if above is None else above / max(abs(instance.best_known), 1e-10),
        seconds=seconds,
        solution_status=result.solution_status,
        termination_reason=result.termination_reason,
        judged_ok=check(network, plan).ok,
        sound=result.solution_status != "infeasible"
        and (result.coverage is None or result.coverage.bound <= TOLERANCE)
        and _is_possible(instance, value, bound),
    )


def _is_possible(instance: Instance, value: float | None, bound: float | None) -> bool:
    """Whether the value of a plan, and a bound, agree with what is known."""
    tolerance = max(TOLERANCE, LOOSE.get(instance.family, 0.0))
    sign = -1.0 if instance.maximised else 1.0
    known, best_known = sign * instance.bound, sign * instance.best_known
    return (value is None or sign * value >= known - tolerance * abs(known)) and (
        bound is None or sign * bound <= best_known + TOLERANCE * abs(best_known)
    )


def scores(folder: Path, *, only: str = "", **options: Any) -> Iterator[Score]:
    """Scores of the instances of a folder, one by one; options are those of `score`.

    ``only`` is a part of the family and instance, such as ``gap/chu1997/d``.

    Raises
    ------
    InputError
        No instance is left.
    """
    chosen = [each for each in instances(folder) if only in f"{each.family}/{each.name}"]
    if not chosen:
        raise wrong(folder, f"has no instance with '{only}' in its name", "choose another part")
    for instance in chosen:
        yield score(instance, **options)


def group(each: Score) -> str:
    """The family, and what tells its instances apart: the class, or the size."""
    if each.family == "gap":
        letter = re.search(r"(?:^|/)([a-e])\d+$", each.instance)
        return f"gap {letter[1].upper()}" if letter else "gap"
    if each.family == "fctp_rto":
        kind = each.instance.partition("fctp")[0]
        return f"{kind}fctp_rto {each.num_suppliers} × {each.num_demands}"
    return each.family


def mean(name: str, them: Sequence[Score]) -> Mean:
    """Scores taken together; at least one."""
    gaps = [
        each.gap_to_best_known
        for each in them
        if each.gap_to_best_known is not None and each.judged_ok and each.sound
    ]
    return Mean(
        name=name,
        num_instances=len({(each.family, each.instance) for each in them}),
        num_runs=len(them),
        num_plans=len(gaps),
        gap_to_best_known=fmean(gaps) if gaps else None,
        worst=max(gaps, default=None),
        proven=fmean(each.is_optimal for each in them),
        seconds=fmean(each.seconds for each in them),
        ok=all(each.judged_ok and each.sound for each in them),
    )


def means(them: Sequence[Score]) -> list[Mean]:
    """The mean of each group of `group`, in order of name."""
    return [mean(name, list(of)) for name, of in groupby(sorted(them, key=group), key=group)]
