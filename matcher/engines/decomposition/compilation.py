"""Compiling every kernel before its time: tiny programs run through all that a solve may need.

What is compiled is kept on disk, beside the modules or where `NUMBA_CACHE_DIR` says, and a stamp
beside it says for which sources, Numba, Python and processor that was.
"""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.bounds.coupling_dual import CouplingDual
from matcher.engines.decomposition.bounds.demand_dual import DemandDual, fits_demand_dual
from matcher.engines.decomposition.kernels.compiled import KERNELS
from matcher.engines.decomposition.search import Search
from matcher.engines.decomposition.search.single_source import (
    SingleSourceSearch,
    is_single_source,
)
from matcher.engines.decomposition.structure import Structure, structure_of
from matcher.program import Program, Segment

_STAMP = "kernels-of-the-decomposition.stamp"
# Long enough for one call of the moves.
_MOMENT_S = 1e-9
_BEGUN, _DONE = "begun", "compiled"
_lock = Lock()
_has_forgotten = False
_compiled_for: str | None = None
"""The stamp for which this process has compiled them: there may be no disk to keep them on."""


def kernels_are_compiled() -> bool:
    """Whether every kernel is compiled for this version, Numba, Python and processor.

    A glance at files: nothing is imported or compiled.
    """
    stamp, folders = _stamp(), _folders()
    if stamp == _compiled_for:
        return True
    return (
        bool(folders)
        and all(kernel.stats.cache_path is not None for kernel in KERNELS)
        and all(_read(folder / _STAMP) == f"{stamp} {_DONE}" for folder in folders)
        and all(_is_kept(kernel) for kernel in KERNELS)
    )


def compile_kernels() -> None:
    """Compile every kernel that a solve may need, or load it where that was done before.

    Takes about a quarter of a minute the first time for a version, and a second after that. Where
    the disk cannot be written it holds for this process only.
    """
    global _compiled_for  # noqa: PLW0603 - a fact about this process
    with _lock:
        forget_stale_kernels()
        for structure in (_shared(), _single_source()):
            _run(structure)
        _compiled_for = _stamp()
        for folder in _folders():
            _write(folder / _STAMP, f"{_compiled_for} {_DONE}")


def forget_stale_kernels() -> None:
    """Remove what was compiled from other sources; once in a process, and before it loads any.

    Numba looks at the source of a kernel, but not at those of the kernels that it calls, and fails
    to read what knows a class that has another name by now.
    """
    global _has_forgotten  # noqa: PLW0603 - a fact about this process
    if _has_forgotten or any(kernel.signatures for kernel in KERNELS):
        return
    _has_forgotten = True
    stamp = _stamp()
    for folder in _folders():
        if (_read(folder / _STAMP) or "").startswith(stamp):
            continue
        for pattern in ("*.nbi", "*.nbc"):
            for path in folder.glob(pattern):
                with suppress(OSError):
                    path.unlink()
        if folder.is_dir():
            _write(folder / _STAMP, f"{stamp} {_BEGUN}")


def _run(structure: Structure) -> None:
    """Run a program through the relaxations and searches, as a solve does."""
    s, prices = structure, np.zeros(structure.program.num_rows)
    for with_knapsacks in (False, True):
        coupling = CouplingDual(s, with_knapsacks=with_knapsacks)
        coupling.at(coupling.zero())
        costs = coupling.reduced_costs(coupling.zero())
    if fits_demand_dual(s):
        demand = DemandDual(s)
        demand.at(demand.start(prices))
        costs = demand.reduced_costs(demand.start(prices))
    searches: list[Search | SingleSourceSearch] = [Search(s, prices, seed=0)]
    if is_single_source(s):
        searches.append(SingleSourceSearch(s, prices, seed=0))
    for search in searches:
        search.construct()
        search.anneal(_MOMENT_S)
        if isinstance(search, SingleSourceSearch):
            search.search_facilities(_MOMENT_S, 0.0, costs)
        x = search.solution()
        assert x is not None
        search.begin(x)


def _single_source() -> Structure:
    """Two demands, each from one of two suppliers that have to be opened."""
    return _structure(most=1, least=1.0, unmet=False)


def _shared() -> Structure:
    """Two demands, shared by up to two suppliers or unmet, under a rule that sums them up."""
    return _structure(most=2, least=0.25, unmet=True)


def _structure(*, most: int, least: float, unmet: bool) -> Structure:
    """Two demands at two suppliers: shares, decisions, the suppliers, and what is unmet."""
    num = 12 if unmet else 10
    share, decision, supplier, rest = range(4), range(4, 8), (8, 9), range(10, num)
    rows: list[tuple[dict[int, float], float, float]] = []
    for d in range(2):
        of = [*share[2 * d : 2 * d + 2], *rest[d : d + 1]]
        rows.append((dict.fromkeys(of, 1.0), 1.0, 1.0))
        rows.append((dict.fromkeys(decision[2 * d : 2 * d + 2], 1.0), -np.inf, most))
    for i in range(4):
        rows.append(({share[i]: 1.0, decision[i]: -1.0}, -np.inf, 0.0))
        rows.append(({share[i]: 1.0, decision[i]: -least}, 0.0, np.inf))
        rows.append(({decision[i]: 1.0, supplier[i % 2]: -1.0}, -np.inf, 0.0))
    rows += [
        ({share[k]: 1.0, share[2 + k]: 1.0, supplier[k]: -2.0}, -np.inf, 0.0) for k in range(2)
    ]
    if unmet:
        rows.append(({share[0]: 1.0, share[2]: 1.0}, -np.inf, 1.5))
        # Of one selection, and met by whatever it selects.
        rows.append((dict.fromkeys([0, 1, 10], 1.0), 0.5, np.inf))
    matrix = np.zeros((len(rows), num))
    for row, (entries, _, _) in enumerate(rows):
        matrix[row, list(entries)] = list(entries.values())
    cost = np.concatenate([[2.0, 3.0, 3.0, 2.0], np.zeros(4), [1.0, 1.0], np.full(len(rest), 9.0)])
    integer = np.zeros(num, dtype=np.bool_)
    integer[4:10] = True
    program = Program(
        "tiny",
        cost,
        csr_array(matrix),
        np.array([low for _, low, _ in rows]),
        np.array([high for _, _, high in rows], dtype=np.float64),
        np.zeros(num),
        np.ones(num),
        integer,
        (Segment("row", len(rows)),),
        (Segment("column", num),),
    )
    structure = structure_of(program)
    assert structure is not None
    return structure


def _stamp() -> str:
    """What compiled kernels are good for; sources are told by time and size, as Numba does."""
    told = [numba.__version__, platform.python_version(), llvmlite.binding.get_host_cpu_name()]
    told.append(str(getattr(numba.config, "CPU_NAME", None)))
    for source in sorted({kernel.py_func.__code__.co_filename for kernel in KERNELS}):
        status = Path(source).stat()
        told += [source, str(status.st_mtime_ns), str(status.st_size)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _folders() -> set[Path]:
    """Where compiled kernels are kept; empty where nothing can be."""
    paths = (kernel.stats.cache_path for kernel in KERNELS)
    return {Path(path) for path in paths if path is not None}


def _is_kept(kernel: Any) -> bool:
    """Whether there is an index of what was compiled of a kernel."""
    function, folder = kernel.py_func, Path(kernel.stats.cache_path)
    code = function.__code__
    pattern = f"{Path(code.co_filename).stem}.{function.__qualname__}-{code.co_firstlineno}.*.nbi"
    return any(folder.glob(pattern))


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Write all of a file at once, if the disk lets us: others may read it meanwhile."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        beside.write_text(text)
        beside.replace(path)
