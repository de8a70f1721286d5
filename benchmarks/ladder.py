"""The ladder: generated networks of growing size, every engine given the whole of each.

Each attempt has the same time and threads, and a process of its own; its plan is judged
independently. Before the first one every engine solves a small network, so that compiled code and
files are as ready as they are for a user's second solve.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.attempt import Attempt, attempt
from benchmarks.networks import Kind, NetworkSpec, store

ENGINES: Final = ("decomposition", "highs", "cpsat", "scip", "pulp:PULP_CBC_CMD")
SEEDS: Final = (0, 1, 2)
GAP: Final = 1e-4

_WARM_SIZE, _WARM_S = 400, 5.0


def time_limit_s(size: int) -> float:
    """Seconds for a network of about so many candidates: 60 to 20,000, 120 to 100,000, then 300."""
    return 60.0 if size <= 20_000 else 120.0 if size <= 100_000 else 300.0


def ladder(
    specs: Sequence[NetworkSpec],
    *,
    engines: Sequence[str] = ENGINES,
    limit_s: float | None = None,
    gap_limit: float = GAP,
    threads: int = 2,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Attempt]:
    """Climb it, network by network, and give each attempt as it ends.

    Parameters
    ----------
    limit_s
        Seconds for every size, instead of those of `time_limit_s`.
    tell
        Called with a line before each step.

    Raises
    ------
    EngineUnavailable
        An engine is unknown or not installed; nothing was measured yet.
    """
    with tempfile.TemporaryDirectory() as folder:
        warm, path = NetworkSpec(_WARM_SIZE, Kind.CONNECTED, 0), Path(folder) / "warm"
        store(warm, path)
        for engine in dict.fromkeys(engines):
            tell(f"warming up {engine}")
            attempt(
                path,
                warm,
                engine=engine,
                time_limit_s=min(_WARM_S, limit_s or _WARM_S),
                gap_limit=gap_limit,
                threads=threads,
            )
    for spec in specs:
        limit = limit_s or time_limit_s(spec.size)
        with tempfile.TemporaryDirectory() as folder:
            tell(f"making {spec}")
            path = Path(folder) / "network"
            store(spec, path)
            for engine in engines:
                tell(f"{spec}: {engine} for {limit:g} s")
                yield attempt(
                    path,
                    spec,
                    engine=engine,
                    time_limit_s=limit,
                    gap_limit=gap_limit,
                    threads=threads,
                )
