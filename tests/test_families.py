"""Public instances: read as networks, solved, and held against their published optima.

The files are not part of the project. The folder ``instances`` of the folder that the environment
variable MATCHER_SHARED names is used, else of ``../shared`` beside the checkout; without it the
tests on public files are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.families import (
    READERS,
    TOLERANCE,
    Instance,
    instances,
    read_cats,
    read_cflp,
    read_gap,
    read_sscflp,
    score,
)
from matcher.errors import InputError
from matcher.judge import check
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.screening.candidates import screen
from matcher.solve import solve
from tests.networks import network as network_of

FOLDER = Path(os.environ.get("MATCHER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
FOLDER = FOLDER / "instances"
HEADER = "instance,file,m_suppliers,n_demands,lower_bound,best_known,proven_optimal,source\n"


def _public(family: str, suppliers: int, demands: int) -> list[object]:
    """The files of a family up to a size, as test parameters; one that skips if there are none."""
    try:
        found = instances(FOLDER / family)
    except InputError:
        reason = f"{FOLDER / family} is not there; set MATCHER_SHARED"
        return [pytest.param(None, id=f"no {family}", marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(each, id=each.name)
        for each in found
        if each.num_suppliers <= suppliers and each.num_demands <= demands
    ]


def _write(folder: Path, text: str) -> Path:
    path = folder / "file"
    path.write_text(text, encoding="ascii")
    return path


def _assert_cost_is_price(network: Network, costs: np.ndarray) -> None:
    """The landed cost of serving all of a demand is the file's cost, to the last digit but two."""
    found = screen(to_arrays(network)).candidates
    assert found.size == costs.size
    served = found.unit_cost * to_arrays(network).demands.quantity[found.demand]
    np.testing.assert_allclose(served, costs[found.supplier, found.demand], rtol=1e-14)
    assert not found.terms[1:].any()


@pytest.mark.parametrize("instance", _public("cflp_orlib", 50, 50))
def test_facility_location_is_solved_to_its_proven_optimum(instance: Instance) -> None:
    result = score(instance, time_limit_s=60.0)
    assert result.judged_ok
    assert result.sound
    assert result.solution_status == "optimal"
    assert result.best == pytest.approx(instance.best_known, rel=TOLERANCE)


@pytest.mark.parametrize("instance", _public("gap", 20, 100))
def test_assignment_is_solved_to_its_optimum_or_within_its_own_gap(instance: Instance) -> None:
    # Files of up to 60 demands take a second; some of those with 100 take minutes.
    is_quick = instance.num_demands <= 60
    result = score(instance, time_limit_s=30.0 if is_quick else 4.0)
    assert result.judged_ok
    assert result.sound
    if is_quick or result.solution_status == "optimal":
        assert result.best == pytest.approx(instance.best_known, rel=TOLERANCE)
    elif result.best is not None and result.gap is not None:
        assert result.best * (1 - result.gap) <= instance.best_known * (1 + TOLERANCE)


@pytest.mark.parametrize(
    "instance", [*_public("sscflp_diazfernandez", 10, 20), *_public("sscflp_holmberg", 10, 50)]
)
def test_single_source_facility_location_is_sound(instance: Instance) -> None:
    result = score(instance, time_limit_s=3.0)
    assert result.judged_ok
    assert result.sound
    if result.solution_status == "optimal":
        assert result.best == pytest.approx(instance.best_known, rel=TOLERANCE)


@pytest.mark.parametrize("kind", ["c-fctp", "fs-fctp"])
def test_transportation_is_sound(kind: str) -> None:
    if not (FOLDER / "fctp_rto").is_dir():
        pytest.skip(f"{FOLDER / 'fctp_rto'} is not there; set MATCHER_SHARED")
    found = instances(FOLDER / "fctp_rto")
    instance = next(each for each in found if each.name.startswith(kind))
    result = score(instance, time_limit_s=6.0)
    assert result.judged_ok
    assert result.sound
    if result.solution_status == "optimal":
        assert result.best == pytest.approx(instance.best_known, rel=1e-4)


@pytest.mark.parametrize("instance", _public("cats", 40, 105)[:8])
def test_auction_is_solved_to_its_optimum(instance: Instance) -> None:
    # Its "suppliers" are goods and its "demands" are bids.
    result = score(instance, time_limit_s=20.0)
    assert result.judged_ok
    assert result.sound
    assert result.best is not None
    assert result.bound is not None
    assert result.best <= result.bound * (1 + TOLERANCE)
    if result.solution_status == "optimal" and instance.proven:
        assert result.best == pytest.approx(instance.best_known, rel=1e-4)


@pytest.mark.parametrize("instance", _public("cats", 10**6, 10**6)[:3])
def test_public_auctions_have_the_stated_size(instance: Instance) -> None:
    network = instance.network()
    # One supplier for each bid and one that keeps; dummies are demands besides the goods.
    assert network.suppliers.height == instance.num_demands + 1
    assert network.demands.height >= instance.num_suppliers
    assert network.warnings == ()


@pytest.mark.parametrize(
    "instance",
    [
        param
        for family in READERS
        if family != "cats"
        for param in _public(family, 10**6, 10**6)[:3]
    ],
)
def test_public_files_have_the_stated_size(instance: Instance) -> None:
    network = instance.network()
    assert network.suppliers.height == instance.num_suppliers
    assert network.demands.height == instance.num_demands
    assert network.bids.height == instance.num_suppliers * instance.num_demands
    assert network.warnings == ()


def test_assignment_file(tmp_path: Path) -> None:
    cost = np.array([[4, 2, 7, 3], [5, 6, 1, 8], [3, 9, 4, 2]])
    use = np.array([[3, 4, 2, 5], [2, 3, 4, 3], [4, 2, 3, 3]])
    capacity = np.array([6, 5, 4])
    text = "3 4\n" + "\n".join(" ".join(map(str, row)) for row in (*cost, *use, capacity))
    network = read_gap(_write(tmp_path, text))
    _assert_cost_is_price(network, cost)
    feasible = [
        sum(cost[s, d] for d, s in enumerate(chosen))
        for chosen in product(range(3), repeat=4)
        if all(
            sum(use[s, d] for d, t in enumerate(chosen) if t == s) <= capacity[s] for s in range(3)
        )
    ]
    plan = solve(network, gap_limit=0.0)
    assert check(network, plan).ok
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(min(feasible))


# Two suppliers with 10 and 6 units, fixed costs 5 and 7; two demands of 8 units. Serving all of a
# demand costs 8 or 16 (1 or 2 a unit).
SPLIT = "2 2\n 10 5. 6 7.\n 8\n 8 16\n 8\n 16 8\n"
SINGLE = "2 2\n 10 6\n 5. 7.\n 8 8\n 8 16\n 16 8\n"
COST = np.array([[8, 16], [16, 8]])


def test_facility_location_file_with_split_demands(tmp_path: Path) -> None:
    network = read_cflp(_write(tmp_path, SPLIT))
    _assert_cost_is_price(network, COST)
    plan = solve(network, gap_limit=0.0)
    assert plan.result is not None
    assert plan.result.coverage is not None
    assert plan.result.coverage.unmet == pytest.approx(0.0, abs=1e-9)
    # All 16 units of capacity are needed, so both suppliers are used: 5 + 7. The first makes 8 for
    # the first demand (8) and 2 for the second (4), the second the other 6 (6).
    assert plan.result.best == pytest.approx(5 + 7 + 8 + 4 + 6)


def test_facility_location_file_with_single_source(tmp_path: Path) -> None:
    network = read_sscflp(_write(tmp_path, SINGLE))
    _assert_cost_is_price(network, COST)
    plan = solve(network, gap_limit=0.0)
    assert plan.result is not None
    assert plan.result.coverage is not None
    assert plan.result.coverage.unmet == pytest.approx(1.0)
    # A second demand fits nowhere: the first supplier has 2 units left, the other has only 6. The
    # cheapest way to serve one is the first demand by the first supplier, 5 + 8.
    assert plan.result.best == pytest.approx(13)


def test_a_demand_of_nothing_is_assigned_and_takes_no_capacity(tmp_path: Path) -> None:
    network = read_cflp(_write(tmp_path, "1 2\n 5 1\n 5\n 10\n 0\n 3\n"))
    plan = solve(network, gap_limit=0.0)
    assert plan.result is not None
    assert plan.unmet is not None
    assert plan.unmet.is_empty()
    assert plan.result.best == pytest.approx(1 + 10 + 3)


# Three goods, and a dummy that lets the last two bids exclude each other.
AUCTION = """%% by hand
goods 3
bids 5
dummy 1

0	6	0	1	#
1	5	1	2	#
2	2	2	#
3	4	0	3	#
4	5	1	3	#
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # {0, 1} and {2} are worth 6 + 2; {0} and {1, 2} 4 + 5; without the dummy {0}, {1} and {2}
        # would be worth 4 + 5 + 2 = 11.
        (AUCTION, 9.0),
        (AUCTION.replace("4\t0\t3", "4\t0").replace("5\t1\t3", "5\t1"), 11.0),
        # Selling nothing is worth 0, and that is the best where bids are worth nothing.
        ("goods 2\nbids 1\ndummy 0\n0\t0\t1\t#\n", 0.0),
    ],
)
def test_auction_file(tmp_path: Path, text: str, value: float) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / "one").write_text(text)
    (folder / "best.csv").write_text(f"{HEADER}one,one,3,5,{value},{value},1,by hand\n")
    (only,) = instances(folder)
    result = score(only, gap_limit=0.0)
    assert result.is_optimal
    assert result.best == pytest.approx(value)
    assert result.bound == pytest.approx(value)


@pytest.mark.parametrize(
    ("row", "best_known", "sound", "to_best_known"),
    [
        ("8,10,0", 8.0, True, -1 / 8),  # a new best, below the upper bound
        ("7,8,0", 7.0, False, -2 / 7),  # a plan of 9 would beat the upper bound of 8
        ("10,12,0", 10.0, False, 1 / 10),  # a bound of 9 would beat a plan of 10
    ],
)
def test_impossible_values_of_auctions_are_seen(
    tmp_path: Path, row: str, best_known: float, sound: bool, to_best_known: float
) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / "one").write_text(AUCTION)
    (folder / "best.csv").write_text(f"{HEADER}one,one,3,5,{row},by hand\n")
    (only,) = instances(folder)
    result = score(only, gap_limit=0.0)
    assert result.best_known == best_known
    assert result.best == pytest.approx(9)
    assert result.gap_to_best_known == pytest.approx(to_best_known)
    assert result.sound == sound


@pytest.mark.parametrize("engine", ["highs", "decomposition"])
@pytest.mark.parametrize("seed", [0, 1])
def test_total_quantity_discounts(seed: int, engine: str) -> None:
    """Three suppliers discount all units by what they sell of three goods in all.

    For chosen steps the problem is a flow with whole numbers, and a larger discount never harms,
    so trying all splits into whole units finds the optimum.
    """
    random = np.random.default_rng(seed)
    needed = np.array([6, 5, 4])
    price = random.integers(20, 30, (3, 3)).astype(float)  # of each supplier for each good
    start, rate = np.array([0, 5, 9]), np.array([[0.0, 0.1, 0.25], [0.0, 0.05, 0.3], [0, 0.2, 0.2]])
    splits = [
        np.array([(i, j, q - i - j) for i in range(q + 1) for j in range(q + 1 - i)])
        for q in needed
    ]
    first, second, third = np.ix_(*(np.arange(len(of)) for of in splits))
    # Shape (splits of the three goods, suppliers, goods).
    units = np.stack(
        np.broadcast_arrays(splits[0][first], splits[1][second], splits[2][third]), axis=-1
    )
    step = np.searchsorted(start, units.sum(axis=-1), side="right") - 1
    paid = (units * price).sum(axis=-1) * (1 - rate[np.arange(3), step])
    best = paid.sum(axis=-1).min()
    goods, suppliers = ("G1", "G2", "G3"), ("S1", "S2", "S3")
    network = network_of(
        components=[{"component": good, "weight_kg": 1.0, "volume_m3": 0.001} for good in goods],
        demands=[
            {"demand": good, "component": good, "quantity": float(quantity)}
            for good, quantity in zip(goods, needed, strict=True)
        ],
        bids=[
            {"bid": f"{s}-{g}", "supplier": s, "component": g, "price": float(price[i, j])}
            for i, s in enumerate(suppliers)
            for j, g in enumerate(goods)
        ],
        discounts=[
            {
                "discount": f"of {s}",
                "supplier": s,
                "measure": "quantity",
                "from": float(start[k]),
                "rate": float(rate[i, k]),
            }
            for i, s in enumerate(suppliers)
            for k in range(3)
        ],
    )
    plan = solve(network, gap_limit=0.0, engine=engine, time_limit_s=20.0)
    assert check(network, plan).ok
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(best)
    # The cheapest supplier of each good is not the answer, or nothing would be tested.
    cheapest = np.equal.outer(price.argmin(axis=0), np.arange(3)).T * needed
    own = np.searchsorted(start, cheapest.sum(axis=-1), side="right") - 1
    assert ((cheapest * price).sum(axis=-1) * (1 - rate[np.arange(3), own])).sum() > best + 1


@pytest.mark.parametrize(
    ("reader", "text", "problem"),
    [
        (read_gap, "2 2\n1 2 3", "ends after 5 numbers, 1 too few"),
        (read_gap, "1 1\n1 1 1 1", "has 1 numbers too many"),
        (read_cflp, "1 x", "cannot be read as numbers"),
        (read_sscflp, "0 4", "begins with 0 4"),
        (read_sscflp, "", "ends after 0 numbers, 2 too few"),
        (read_cats, "goods 2\nbids 1\n0 1 0 #", "is not of the format of CATS: KeyError"),
        (read_cats, AUCTION.replace("bids 5", "bids 6"), "has 5 bids, stated are 6"),
        (read_cats, AUCTION.replace("2\t2\t#", "2\t4\t#"), "goods are not distinct numbers"),
        (read_cats, AUCTION.replace("2\t2\t#", "2\t2"), "goods are not distinct numbers"),
        (read_cats, AUCTION.replace("2\t2\t#", "-2\t2\t#"), "has values that are not numbers"),
    ],
)
def test_a_file_of_another_format_is_named(
    tmp_path: Path, reader: Callable[[Path], Network], text: str, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        reader(_write(tmp_path, text))


def test_a_folder_without_a_known_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no best\.csv of a known family"):
        instances(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "best.csv").write_text(HEADER)
    with pytest.raises(InputError, match=r"no best\.csv of a known family"):
        instances(tmp_path)


@pytest.mark.parametrize(
    ("row", "proven", "sound"),
    [
        ("13,13,1", True, True),
        ("12,14,0", False, True),  # lower_bound of an unproven one encloses the optimum, no more
        ("14,14,1", True, False),  # a plan of 13 would beat a proven optimum of 14
        ("11,12,0", False, False),  # a bound of 13 would beat a plan of 12
    ],
)
def test_impossible_values_are_seen(tmp_path: Path, row: str, proven: bool, sound: bool) -> None:
    folder = tmp_path / "sscflp_yang"
    folder.mkdir()
    (folder / "best.csv").write_text(f"{HEADER}one,one,1,1,{row},by hand\n")
    # One supplier with a fixed cost of 5, one demand of 8 units that costs 8: the optimum is 13.
    (folder / "one").write_text("1 1\n10\n5\n8\n8\n")
    (only,) = instances(tmp_path)
    assert only.proven == proven
    result = score(only)
    assert result.best == pytest.approx(13)
    assert result.judged_ok
    assert result.sound == sound
