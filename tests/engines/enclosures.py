"""Where the optimum of a program lies, as an exact engine proved it once, kept as golden figures.

A program that is not among them, as after a change of the generator, is solved for as long as it
takes. The environment variable MATCHER_GOLDEN=write keeps what was proven then.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from matcher.engines import engine
from matcher.engines.base import Limits
from matcher.program import Program

FILE = Path(__file__).parents[1] / "golden" / "enclosures.json"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The optimum is at least ``least`` and at most ``best``; both infinite if there is no plan."""

    least: float
    best: float


def enclosure(program: Program) -> Enclosure:
    """What HiGHS proves of a program within ten seconds, to one part in a hundred thousand."""
    key = _fingerprint(program)
    kept = _kept()
    if key not in kept:
        kept[key] = _proven(program)
        if os.environ.get("MATCHER_GOLDEN") == "write":
            FILE.write_text(json.dumps(dict(sorted(kept.items())), indent=0) + "\n")
    least, best = kept[key]
    return Enclosure(least, best)


@cache
def _kept() -> dict[str, tuple[float, float]]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def _proven(program: Program) -> tuple[float, float]:
    outcome = engine("highs").solve(program, Limits(time_s=10, gap=1e-5, threads=1))
    if outcome.solution_status == "infeasible":
        return np.inf, np.inf
    assert outcome.best is not None
    assert outcome.bound is not None
    return outcome.bound, outcome.best


def _fingerprint(program: Program) -> str:
    """Tells programs apart by every figure in them."""
    figures = hashlib.sha256()
    matrix = program.matrix.tocsr()
    for part in (
        program.cost,
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
        program.row_lower,
        program.row_upper,
        program.lower,
        program.upper,
        program.integer,
        np.array([program.offset]),
    ):
        figures.update(np.ascontiguousarray(part).tobytes())
    return figures.hexdigest()[:16]
