"""How fast demand–bid pairs are gated and costed, on one core, and in how much memory.

A child process that does nothing else is pinned to one core. It loads the tables of a generated
network, runs once on a small one so that compiled code is loaded, then measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from matcher.generate import generate
from matcher.generate.recipe import Recipe, recipe_for
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.schema.tables import TABLES
from matcher.screening.award_options import pairs_of
from matcher.screening.candidates import screen

PAIRS, FEWEST_PAIRS, MOST_PAIRS = 1_000_000, 1_000, 5_000_000
BIDS_PER_DEMAND = 50.0
TARGET_SECONDS, TARGET_BYTES = 2.0, 2**30

_ONE_THREAD = dict.fromkeys(
    (
        "POLARS_MAX_THREADS",
        "NUMBA_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)


@dataclass(frozen=True, slots=True)
class Gates:
    """One measurement; times in seconds of wall clock, memory resident.

    Parameters
    ----------
    pairs, bids, candidates
        Sizes of the tables.
    arrays_s
        From tables to arrays.
    pairs_s
        Pairing demands with bids, and the links between their places.
    gates_s
        Every gate, delivery days, landed cost, and the reasons of the rejected.
    loaded_bytes, peak_bytes
        Memory before the measurement, and the most there was until its end.
    is_pinned
        Whether the process ran on one core only; not every system can do that.
    """

    seed: int
    pairs: int
    bids: int
    candidates: int
    arrays_s: float
    pairs_s: float
    gates_s: float
    loaded_bytes: int
    peak_bytes: int
    is_pinned: bool

    @property
    def is_reached(self) -> bool:
        """Whether pairing, gating and costing a million pairs took 2 s and 1 GiB at most."""
        seconds = (self.pairs_s + self.gates_s) * PAIRS / self.pairs
        return seconds <= TARGET_SECONDS and self.peak_bytes <= TARGET_BYTES

    def to_dict(self) -> dict[str, object]:
        """The measurement as plain JSON values."""
        return asdict(self) | {"is_reached": self.is_reached}


def gates(*, pairs: int = PAIRS, seed: int = 0) -> Gates:
    """Measure the gating and costing of about ``pairs`` demand–bid pairs."""
    # Numbers of bids are random: half a per cent more makes sure that there are enough.
    recipe = recipe_for(
        pairs, demands=round(pairs * 1.005 / BIDS_PER_DEMAND), bids_per_demand=BIDS_PER_DEMAND
    )
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large", Path(folder) / "small"
        _store(recipe, seed, large)
        _store(recipe_for(400), seed, small)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gates", str(seed), str(large), str(small)],
            env=os.environ | _ONE_THREAD,
            cwd=Path(__file__).resolve().parents[1],
            stdout=subprocess.PIPE,
            check=True,
        )
    return Gates(**json.loads(done.stdout))


def _store(recipe: Recipe, seed: int, folder: Path) -> None:
    network = generate(recipe, seed=seed)
    folder.mkdir()
    for table in TABLES:
        network.table(table.name).write_parquet(folder / f"{table.name}.parquet")


def _load(folder: Path) -> Network:
    # The tables were checked when they were made.
    frames: dict[str, Any] = {
        table.name: pl.read_parquet(folder / f"{table.name}.parquet") for table in TABLES
    }
    return Network(**frames)


def _measure(seed: int, large: Path, small: Path) -> Gates:
    is_pinned = hasattr(os, "sched_setaffinity")
    if is_pinned:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    screen(to_arrays(_load(small)))
    network = _load(large)
    loaded = _peak_bytes()
    began = time.perf_counter()
    arrays = to_arrays(network)
    made = time.perf_counter()
    # Screening makes the pairs itself, so their time is taken off: that of a try that nothing
    # interrupted, as else little may be left of a small network's gates.
    pairs_s = min(timeit.repeat(lambda: pairs_of(arrays), number=1, repeat=3))
    paired = time.perf_counter()
    screening = screen(arrays)
    ended = time.perf_counter()
    return Gates(
        seed=seed,
        pairs=screening.pairs.size,
        bids=network.bids.height,
        candidates=screening.candidates.size,
        arrays_s=made - began,
        pairs_s=pairs_s,
        gates_s=ended - paired - pairs_s,
        loaded_bytes=loaded,
        peak_bytes=_peak_bytes(),
        is_pinned=is_pinned,
    )


def _peak_bytes() -> int:
    """The most memory that was resident in this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started this process.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(
        json.dumps(
            {
                key: value
                for key, value in _measure(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
                .to_dict()
                .items()
                if key != "is_reached"
            }
        )
    )
