"""Parts of networks with rules and terms: what goes where, and that the sum is the whole."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from matcher.judge import check
from matcher.network import Network
from matcher.network.split import subnetworks_of
from matcher.plan import Plan
from matcher.read import network_from_tables
from matcher.schema.rules import keys_of
from matcher.schema.tables import BY_NAME
from matcher.solve import solve
from matcher.solve.merge import merge
from tests.networks import Row, network
from tests.rule_networks import draw

SHARED = ("network", "places", "lanes", "standards", "rates", "periods")
# Columns whose texts mean something within one of the networks that are joined.
OWN = (
    "lead_firm", "component", "component_group", "demand", "supplier", "lead", "bid", "resource",
    "consortium", "bundle", "line", "discount", "rule", "scope",
)  # fmt: skip


def solved(whole: Network) -> Plan:
    return solve(whole, engine="highs", gap_limit=0.0)


def tables_of(whole: Network) -> dict[str, pl.DataFrame]:
    return {name: whole.table(name) for name in BY_NAME}


def own(name: str, frame: pl.DataFrame, mark: str) -> pl.DataFrame:
    """The rows of a table under names that no other network has."""
    marked = [
        column
        for column in frame.columns
        if column in OWN or (name, column) == ("components", "group")
        if not (name == "rules" and column == "scope")
    ]
    return frame.with_columns(pl.col(marked).str.replace("^", mark))


def ruled(row: Row, mark: str, firms: list[str]) -> Row | None:
    """A rule under its own names, of a sort that lets the network fall apart; or none."""
    row = {**row, "rule": mark + row["rule"]}
    if row["scope"] == "network" and (
        row["kind"] not in ("dependence", "working_capital") or row["who"] is not None
    ):
        row |= {"scope": "lead_firm", "of": ";".join(firms)}  # all of its own network, at least
    elif row["of"] is not None:
        row["of"] = ";".join(mark + key for key in keys_of(row["of"]))
    if row["group"] == "supplier" and row["who"] is not None:
        row["who"] = ";".join(mark + key for key in keys_of(row["who"]))
    if row["group"] not in (None, "incumbents") and row["who"] is None and row["min"]:
        return None
    return row


def joined(seeds: list[int]) -> Network:
    """One network of several drawn ones, which share places, lanes, parks, owners and periods."""
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in BY_NAME}
    for seed in seeds:
        mark = f"n{seed} "
        drawn = tables_of(draw(seed))
        firms = [mark + key for key in drawn["lead_firms"]["lead_firm"]]
        for name, frame in drawn.items():
            if name == "rules":
                rows = [ruled(row, mark, firms) for row in frame.to_dicts()]
                kept = [row for row in rows if row is not None]
                tables[name].append(pl.DataFrame(kept, schema=frame.schema))
            else:
                tables[name].append(frame if name in SHARED else own(name, frame, mark))
    whole = {name: pl.concat(frames) for name, frames in tables.items()}
    for name in SHARED:
        whole[name] = whole[name].unique(BY_NAME[name].key, keep="first", maintain_order=True)
    return network_from_tables(whole)


@pytest.mark.parametrize(
    ("first", "at_most"), [(1000, None), (1036, 2), (1008, None), (1016, None), (1024, 2)]
)
def test_parts_solved_apart_give_the_optimum_of_the_whole(first: int, at_most: int | None) -> None:
    whole = joined(list(range(first, first + 4)))
    parts = subnetworks_of(whole, at_most=at_most)
    assert len(parts) > 1
    together = solved(whole)
    apart = merge(whole, parts, [solved(part) for part in parts])
    assert together.result is not None
    assert apart.result is not None
    assert apart.result.solution_status == together.result.solution_status
    if first == 1016:  # a mandatory rule of one part cannot be met
        assert together.result.solution_status == "infeasible"
        return
    assert together.result.solution_status == "optimal"
    assert check(whole, apart).findings == ()
    assert apart.result.coverage.unmet == pytest.approx(together.result.coverage.unmet, abs=1e-5)
    assert apart.result.best == pytest.approx(together.result.best, rel=1e-6, abs=1e-6)
    assert apart.result.bound == pytest.approx(together.result.bound, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("first", range(2000, 2060, 6))
def test_every_part_is_a_network_that_reading_accepts_unchanged(first: int) -> None:
    whole = joined(list(range(first, first + 6)))
    parts = subnetworks_of(whole)
    assert len(parts) > 1
    for part in parts:
        assert network_from_tables(tables_of(part)) == part
    once = ("demands", "bids", "usages", "tiers", "resources", "capacities", "ramps", "discounts",
            "incumbents", "consortia")  # fmt: skip
    for name in once:
        rows = pl.concat([part.table(name) for part in parts])
        key = BY_NAME[name].key
        assert not rows.select(key).is_duplicated().any(), name
        assert rows.join(whole.table(name), on=key, how="anti", nulls_equal=True).is_empty()
        if name in ("demands", "incumbents"):
            assert rows.height == whole.table(name).height, name


# Four demands that share nothing: D1 to D4 for C1 to C4 by F1 to F4, with a bid of S1 to S4 each.
APART = [["D1"], ["D2"], ["D3"], ["D4"]]


def four(**more: list[Row]) -> dict[str, list[Row]]:
    each = range(1, 5)
    rows: dict[str, list[Row]] = {
        "lead_firms": [{"lead_firm": f"F{i}"} for i in each],
        "components": [{"component": f"C{i}", "group": f"G{i % 2}"} for i in each],
        "demands": [{"demand": f"D{i}", "component": f"C{i}", "lead_firm": f"F{i}"} for i in each],
        "suppliers": [{"supplier": f"S{i}"} for i in (*each, 9)],
        "bids": [{"bid": f"B{i}", "supplier": f"S{i}", "component": f"C{i}"} for i in each],
    }
    return rows | more


def keys(parts: tuple[Network, ...], table: str = "demands") -> list[list[str]]:
    return [part.table(table).to_series().to_list() for part in parts]


def stated(kind: str = "supplier_count", scope: str = "component", **cells: Any) -> list[Row]:
    limits = {} if kind == "consistent" else {"max": 1}
    measure = {"measure": "value"} if kind in ("share", "limit") else {}
    return [{"rule": "R", "kind": kind, "scope": scope} | limits | measure | cells]


TOGETHER = [["D1", "D2", "D3", "D4"]]
ODD_AND_EVEN = [["D1", "D3"], ["D2", "D4"]]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (stated(), APART),
        (stated("economy_count", "demand", min=1), APART),
        (stated("consistent", "component"), APART),
        (stated("consistent", "component_group"), ODD_AND_EVEN),
        (stated("limit", "component_group"), ODD_AND_EVEN),
        (stated("limit", "component_group", of="G1"), [["D1", "D3"], ["D2"], ["D4"]]),
        (stated("limit", "component_group", of="G0;G1"), TOGETHER),
        (stated("limit", "demand", of="D1;D2;D4"), [["D1", "D2", "D4"], ["D3"]]),
        (stated("limit", "lead_firm", of="F2;F3"), [["D1"], ["D2", "D3"], ["D4"]]),
        (stated("limit", "network"), TOGETHER),
        # What a single supplier may be awarded binds nobody else, wherever it is counted.
        (stated("dependence", "network"), APART),
        (stated("working_capital", "network"), APART),
        (stated("working_capital", "component_group", group="size_class"), APART),
        (stated("dependence", "demand", of="D2;D3"), [["D1"], ["D2", "D3"], ["D4"]]),
        (stated("dependence", "network", group="supplier", who="S1;S3"), TOGETHER),
        # Each supplier at most so much, but not each at least: those without a bid count as well.
        (stated("share", "component", group="supplier"), APART),
        (stated("share", "component", group="supplier", min=0.1), TOGETHER),
        (stated("limit", "demand", group="economy", min=1, priority=1, price=1), TOGETHER),
        (stated("share", "component", group="economy", who="VN", min=0.1), APART),
        # A price adds up; what goes before cost is weighed in the whole network.
        (stated(priority=1, price=2.0), APART),
        (stated(priority=1), TOGETHER),
    ],
)
def test_rules_join_what_they_count_over(rules: list[Row], expected: list[list[str]]) -> None:
    whole = network(**four(rules=rules))
    parts = subnetworks_of(whole)
    assert keys(parts) == expected
    for part in parts:
        assert network_from_tables(tables_of(part)) == part
    if rules[0].get("of") is None:
        assert keys(parts, "rules") == [["R"]] * len(parts)
    else:
        assert [name for part in keys(parts, "rules") for name in part] == ["R"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"objective": "coverage", "order": 1}, {"objective": "cost", "order": 2}], APART),
        ([{"objective": "cost", "order": 1, "tolerance": 0.1}], TOGETHER),
        ([{"objective": "supplier_count", "order": 3}], TOGETHER),
    ],
)
def test_other_objectives_keep_all_together(rows: list[Row], expected: list[list[str]]) -> None:
    parts = subnetworks_of(network(**four(objectives=rows)))
    assert keys(parts) == expected
    assert all(part.objectives.height == len(rows) for part in parts)


def test_consortium_joins_its_members_and_its_lead() -> None:
    rows = four(consortia=[{"consortium": "K", "lead": "S3", "coordination_cost": 7.0}])
    rows["certificates"] = [{"supplier": "S9", "standard": "ISO 9001"}]
    for i in (0, 1):
        rows["bids"][i]["consortium"] = "K"
    parts = subnetworks_of(network(**rows))
    assert keys(parts) == [["D1", "D2", "D3"], ["D4"]]
    assert keys(parts, "consortia") == [["K"], []]
    # A lead that makes nothing itself comes along with its certificates.
    rows["consortia"][0]["lead"] = "S9"
    parts = subnetworks_of(network(**rows))
    assert keys(parts) == [["D1", "D2"], ["D3"], ["D4"]]
    assert keys(parts, "suppliers") == [["S1", "S2", "S9"], ["S3"], ["S4"]]
    assert keys(parts, "certificates") == [["S9"], [], []]


def test_terms_of_one_supplier_go_with_it_and_join_nothing() -> None:
    rows = four(
        periods=[{"period": "P1", "first": "2026-01-01", "last": "2027-12-31"}],
        resources=[{"resource": f"R{i}", "supplier": f"S{i}", "capacity": 9.0} for i in (1, 2, 9)],
        capacities=[{"resource": f"R{i}", "period": "P1", "capacity": 50.0} for i in (2, 9)],
        usages=[{"bid": "B2", "resource": "R2", "use_per_unit": 1.0}],
        ramps=[{"bid": "B2", "period": "P1", "share": 0.5}],
        # S2 bids for C2 of the group G0 only; its discount is on the other group.
        discounts=[{"discount": "K", "supplier": "S2", "component_group": "G1", "from": 1.0}],
        incumbents=[
            {"component": "C4", "supplier": "S2", "lead_firm": "F3", "switching_cost": 5.0},
            {"component": "C2", "supplier": "S9", "switching_cost": 3.0},
        ],
    )
    for demand in rows["demands"]:
        demand["line"] = "all"
    whole = network(**rows)
    parts = subnetworks_of(whole)
    assert keys(parts) == APART
    assert keys(parts, "ramps") == [[], ["B2"], [], []]
    assert keys(parts, "discounts") == [[], ["K"], [], []]
    # S9 has no bid; what leaving it costs is paid in the first part, wherever C2 is made.
    assert keys(parts, "capacities") == [["R9"], ["R2"], [], []]
    assert [part.incumbents["supplier"].to_list() for part in parts] == [["S9"], ["S2"], [], []]
    assert keys(parts, "suppliers") == [["S1", "S9"], ["S2"], ["S3"], ["S4"]]
    assert keys(parts, "components") == [["C1", "C2"], ["C1", "C2", "C4"], ["C3"], ["C4"]]
    assert keys(parts, "lead_firms") == [["F1"], ["F2", "F3"], ["F3"], ["F4"]]
    assert all(part.periods.height == 1 for part in parts)
    for part in parts:
        assert network_from_tables(tables_of(part)) == part
    # 100 units at 1 of each demand, but half of the 50 of R2 for D2: 325; and nothing is awarded
    # to an incumbent for its component, so that both are left: 5 + 3.
    plan = merge(whole, parts, [solved(part) for part in parts])
    assert plan.result is not None
    assert plan.result.best == pytest.approx(solved(whole).result.best) == pytest.approx(333.0)
    assert check(whole, plan).findings == ()


def test_what_a_rule_names_comes_along_although_it_takes_no_part() -> None:
    places = [{"place": "P"}, {"place": "Q", "park": "North"}]
    rows = four(
        places=places,
        rules=[
            *stated(
                "limit", "component", of="C1;C5", group="supplier", who="S1;S9", measure="cost"
            ),
            *stated("limit", "demand", of="D2", group="park", who="North"),
            *stated("limit", "lead_firm", of="F3;F9", group="ownership", who="state"),
            *stated("limit", "component_group", of="G9", group="ownership", who="state"),
        ],
    )
    for i, each in enumerate(rows["rules"]):
        each["rule"] = f"R{i}"
    rows["components"] += [{"component": "C5"}, {"component": "C9", "group": "G9"}]
    rows["lead_firms"].append({"lead_firm": "F9"})
    rows["suppliers"] += [
        {"supplier": "S8", "ownership": "state", "place": "Q", "lead_firm": "F4"},
        {"supplier": "S7", "ownership": "state"},
    ]
    parts = subnetworks_of(network(**rows))
    assert keys(parts) == APART
    # The rule on the group G9, of which nothing is needed, goes with the first part.
    assert keys(parts, "rules") == [["R0", "R3"], ["R1"], ["R2"], []]
    assert keys(parts, "components") == [["C1", "C5", "C9"], ["C2"], ["C3"], ["C4"]]
    assert keys(parts, "suppliers") == [["S1", "S7", "S9"], ["S2"], ["S3", "S7"], ["S4"]]
    assert keys(parts, "lead_firms") == [["F1"], ["F2"], ["F3", "F9"], ["F4"]]
    assert keys(parts, "places") == [["P"], ["P", "Q"], ["P"], ["P"]]
    for part in parts:
        assert network_from_tables(tables_of(part)) == part
