"""Public benchmark families as networks, and how close an engine comes to their best known values.

Generalised assignment and capacitated facility location, with split demands or single source,
are special cases of the model. Everything lies in one place and is delivered duty paid, so that
the landed cost is the price and nothing else.

A family's folder holds data files and a ``best.csv`` with the columns of `BEST`. Formats are those
of the OR-Library: numbers separated by blanks, with m suppliers and n demands first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.check import check
from matcher.errors import InputError, Issue
from matcher.network import Network
from matcher.read import network_from_tables
from matcher.solve import solve

Floats = NDArray[np.float64]

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
# Published values are rounded, and so are the sums of plans.
TOLERANCE = 1e-6
START, DUE = date(2027, 1, 1), date(2027, 12, 31)


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of a family, with what is known about it.

    ``lower_bound`` and ``best_known`` enclose the optimum; they are equal if it is proven.
    """

    family: str
    name: str
    path: Path
    num_suppliers: int
    num_demands: int
    lower_bound: float
    best_known: float
    proven: bool

    def network(self) -> Network:
        """The file as a network."""
        return READERS[self.family](self.path)


@dataclass(frozen=True, slots=True)
class Score:
    """What an engine made of an instance.

    Parameters
    ----------
    gap
        The engine's own: \\|best − bound\\| / \\|best\\|.
    gap_to_best_known
        (best − best known) / \\|best known\\|; below 0 it is a new best.
    judged_ok
        Whether the check of the plan found nothing.
    sound
        Whether best and bound are possible: best ≥ the known lower bound, bound ≤ the best known
        value. If not, there is a bug, here or in the published values.
    """

    family: str
    instance: str
    best_known: float
    proven: bool
    best: float | None
    bound: float | None
    gap: float | None
    gap_to_best_known: float | None
    seconds: float
    found: str
    stopped: str
    judged_ok: bool
    sound: bool

    def to_dict(self) -> dict[str, object]:
        """The score as plain JSON values."""
        return asdict(self)


def best(folder: Path) -> pl.DataFrame:
    """The ``best.csv`` of a family's folder."""
    path = folder / "best.csv"
    if not path.is_file():
        raise _wrong(
            path, "is not there", f"give a folder of instances with a best.csv: {','.join(BEST)}"
        )
    frame = pl.read_csv(path, infer_schema=False)
    missing = [name for name in BEST if name not in frame.columns]
    if missing:
        raise _wrong(path, f"lacks the columns {', '.join(missing)}", "add them")
    try:
        return frame.select(pl.col(name).cast(dtype) for name, dtype in BEST.items())
    except pl.exceptions.InvalidOperationError as error:
        raise _wrong(path, str(error).split("\n")[0], "write numbers there") from None


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
        raise _wrong(
            folder,
            "has no best.csv of a known family",
            f"give a folder named {', '.join(READERS)}, or one that holds such folders",
        )
    return [
        Instance(
            path.resolve().name,
            row["instance"],
            path / row["file"],
            row["m_suppliers"],
            row["n_demands"],
            row["lower_bound"],
            row["best_known"],
            bool(row["proven_optimal"]),
        )
        for path in known
        for row in best(path).iter_rows(named=True)
    ]


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
    result, judged = plan.result, check(network, plan).ok
    assert result is not None
    # A plan that leaves demand unmet answers another question, so its cost is not comparable.
    covers = plan.unmet is not None and plan.unmet.is_empty()
    value = result.best if covers else None
    bound = result.bound if covers else None
    sound = (value is None or value >= instance.lower_bound * (1 - TOLERANCE)) and (
        bound is None or bound <= instance.best_known * (1 + TOLERANCE)
    )
    return Score(
        family=instance.family,
        instance=instance.name,
        best_known=instance.best_known,
        proven=instance.proven,
        best=value,
        bound=bound,
        gap=result.gap if covers else None,
        gap_to_best_known=None
        if value is None
        else ((value - instance.best_known) / max(abs(instance.best_known), 1e-10)),
        seconds=seconds,
        found=result.found,
        stopped=result.stopped,
        judged_ok=judged,
        sound=sound,
    )


def read_gap(path: Path) -> Network:
    """Generalised assignment, minimised: m n, cost[m][n], resource use[m][n], capacity[m]."""
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    cost, use, capacity = numbers.take(m, n), numbers.take(m, n), numbers.take(m)
    numbers.end()
    return _network(path.name, np.ones(n), cost, use, capacity, np.zeros(m), single=True)


def read_cflp(path: Path) -> Network:
    """Facility location with split demands.

    m n, then capacity and fixed cost of each supplier, then for each demand its quantity and the m
    costs of serving all of it.
    """
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    suppliers, demands = numbers.take(m, 2), numbers.take(n, 1 + m)
    numbers.end()
    quantity = demands[:, 0]
    return _network(
        path.name,
        quantity,
        demands[:, 1:].T,
        np.tile(quantity, (m, 1)),
        suppliers[:, 0],
        suppliers[:, 1],
        single=False,
    )


def read_sscflp(path: Path) -> Network:
    """Facility location with single source.

    m n, capacities, fixed costs, demands, then n rows of m costs of serving all of a demand.
    """
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    capacity, fixed, quantity = numbers.take(m), numbers.take(m), numbers.take(n)
    cost = numbers.take(n, m).T
    numbers.end()
    return _network(
        path.name, quantity, cost, np.tile(quantity, (m, 1)), capacity, fixed, single=True
    )


READERS: dict[str, Callable[[Path], Network]] = {
    "gap": read_gap,
    "cflp_orlib": read_cflp,
    "sscflp_diazfernandez": read_sscflp,
    "sscflp_holmberg": read_sscflp,
    "sscflp_tbed1": read_sscflp,
    "sscflp_yang": read_sscflp,
}
"""Reader by name of the folder."""


def scores(folder: Path, **options: object) -> Iterator[Score]:
    """Scores of all instances of a folder, one by one; options are those of `score`."""
    for instance in instances(folder):
        yield score(instance, **options)  # type: ignore[arg-type]


class _Numbers:
    """The numbers of a file, taken from the front."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._numbers = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
        except (OSError, ValueError) as error:
            raise _wrong(
                path,
                f"cannot be read as numbers: {error}",
                "check the file and the folder's name, which tells the format",
            ) from None
        self._next = 0

    def sizes(self) -> tuple[int, int]:
        """Number of suppliers and of demands."""
        m, n = self.take(2)
        if m < 1 or n < 1 or m != int(m) or n != int(n):
            raise _wrong(
                self._path,
                f"begins with {m:g} {n:g}",
                "the numbers of suppliers and demands come first",
            )
        return int(m), int(n)

    def take(self, *shape: int) -> Floats:
        """The next numbers, in this shape."""
        size = int(np.prod(shape))
        taken = self._numbers[self._next : self._next + size]
        if taken.size < size:
            raise _wrong(
                self._path,
                f"ends after {self._numbers.size:,} numbers, {size - taken.size:,} too few",
                "check the file and the folder's name, which tells the format",
            )
        self._next += size
        return taken.reshape(shape)

    def end(self) -> None:
        """Nothing may be left."""
        left = self._numbers.size - self._next
        if left:
            raise _wrong(
                self._path,
                f"has {left:,} numbers too many",
                "check the file and the folder's name, which tells the format",
            )


def _network(
    name: str,
    quantity: Floats,
    cost: Floats,
    use: Floats,
    capacity: Floats,
    fixed: Floats,
    *,
    single: bool,
) -> Network:
    """A network with one bid for each supplier and demand.

    Parameters
    ----------
    cost, use
        Of serving all of a demand, shape (suppliers, demands).
    """
    m, n = cost.shape
    # A demand of nothing still has to be assigned: it is one unit that takes no capacity.
    quantity = np.where(quantity > 0, quantity, 1.0)
    supplier, demand = _keys("s", m), _keys("d", n)
    row, column = np.repeat(np.arange(m), n), np.tile(np.arange(n), m)
    bid = supplier.gather(row) + "-" + demand.gather(column)
    per_unit = use.ravel() / quantity[column]
    return network_from_tables(
        {
            "network": pl.DataFrame(
                {
                    "name": [name],
                    "currency": ["USD"],
                    "start": [START],
                    "carrying_rate": [0.0],
                    "insurance_rate": [0.0],
                }
            ),
            "lead_firms": pl.DataFrame({"lead_firm": ["firm"]}),
            "places": pl.DataFrame(
                {"place": ["site"], "economy": ["SG"], "latitude": [1.29], "longitude": [103.85]}
            ),
            "components": pl.DataFrame(
                {"component": ["goods"], "weight_kg": [1.0], "volume_m3": [0.001]}
            ),
            "demands": pl.DataFrame(
                {
                    "demand": demand,
                    "lead_firm": ["firm"] * n,
                    "component": ["goods"] * n,
                    "quantity": quantity,
                    "place": ["site"] * n,
                    "due": [DUE] * n,
                    "single_source": [single] * n,
                }
            ),
            "suppliers": pl.DataFrame(
                {
                    "supplier": supplier,
                    "place": ["site"] * m,
                    "size_class": ["medium"] * m,
                    "onboarding_cost": fixed,
                }
            ),
            "resources": pl.DataFrame(
                {"resource": supplier, "supplier": supplier, "capacity": capacity}
            ),
            "bids": pl.DataFrame(
                {
                    "bid": bid,
                    "supplier": supplier.gather(row),
                    "demand": demand.gather(column),
                    "price": cost.ravel() / quantity[column],
                }
            ).with_columns(
                component=pl.lit("goods"),
                currency=pl.lit("USD"),
                incoterm=pl.lit("DDP"),
                lead_time_days=pl.lit(0.0),
            ),
            "usages": pl.DataFrame(
                {
                    "bid": bid,
                    "resource": supplier.gather(row),
                    "use_per_unit": per_unit,
                }
            ).filter(pl.col("use_per_unit") > 0),
        }
    )


def _keys(prefix: str, size: int) -> pl.Series:
    number = pl.int_range(1, size + 1, dtype=pl.Int64, eager=True).cast(pl.String)
    return prefix + number.str.zfill(len(str(size)))


def _wrong(path: Path, problem: str, fix: str) -> InputError:
    return InputError([Issue("bad_instance", str(path), None, None, None, problem, fix)])
