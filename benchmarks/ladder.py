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
from benchmarks.networks import KINDS, SIZES, Kind, store

ENGINES: Final = ("decomposition", "highs", "cpsat", "scip", "pulp:PULP_CBC_CMD")
SEEDS: Final = (0, 1, 2)
GAP: Final = 1e-4

_WARM_SIZE, _WARM_S = 400, 5.0


def time_limit_s(size: int) -> float:
    """Seconds for a network of about so many candidates: 60 to 20,000, 120 to 100,000, then 300."""
    return 60.0 if size <= 20_000 else 120.0 if size <= 100_000 else 300.0


def ladder(
    *,
    sizes: Sequence[int] = tuple(SIZES),
    kinds: Sequence[Kind] = KINDS,
    engines: Sequence[str] = ENGINES,
    seeds: Sequence[int] = SEEDS,
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
        warm = Path(folder) / "warm"
        store(_WARM_SIZE, "connected", 0, warm)
        for engine in dict.fromkeys(engines):
            tell(f"warming up {engine}")
            attempt(
                warm,
                size=_WARM_SIZE,
                kind="connected",
                seed=0,
                engine=engine,
                time_limit_s=min(_WARM_S, limit_s or _WARM_S),
                gap_limit=gap_limit,
                threads=threads,
            )
    for size in sizes:
        limit = limit_s or time_limit_s(size)
        for kind in kinds:
            for seed in seeds:
                with tempfile.TemporaryDirectory() as folder:
                    tell(f"making {size:,} candidates, {kind}, seed {seed}")
                    path = Path(folder) / "network"
                    store(size, kind, seed, path)
                    for engine in engines:
                        tell(f"{size:,} {kind}, seed {seed}: {engine} for {limit:g} s")
                        yield attempt(
                            path,
                            size=size,
                            kind=kind,
                            seed=seed,
                            engine=engine,
                            time_limit_s=limit,
                            gap_limit=gap_limit,
                            threads=threads,
                        )
