"""Parts: independent parts solved apart give the optimum of the whole."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from matcher.errors import InputError
from matcher.generate import generate
from matcher.generate.recipe import PRESETS
from matcher.judge import check
from matcher.network import Network
from matcher.network.split import subnetworks_of
from matcher.plan import Coverage, Plan
from matcher.read import network_from_tables
from matcher.schema.tables import BY_NAME
from matcher.solve import solve
from matcher.solve.merge import merge
from matcher.status import SolutionStatus, TerminationReason
from tests.brute_force import join, random_part
from tests.networks import Row, network

SHARED = ("network", "standards", "duties", "rates", "trade_costs")
# No part needs all of these; every row of the others is in exactly one part, unless it is idle.
SELDOM_WHOLE = ("lead_firms", "places", "components", "requirements", "lanes")


def tables_of(whole: Network) -> dict[str, pl.DataFrame]:
    return {name: whole.table(name) for name in BY_NAME}


def solved_by_parts(whole: Network, at_most: int | None = None) -> Plan:
    parts = subnetworks_of(whole, at_most=at_most)
    plans = [solve(part, engine="highs", gap_limit=0.0) for part in parts]
    return merge(whole, parts, plans)


def keys(parts: tuple[Network, ...], table: str = "demands") -> list[list[str]]:
    return [part.table(table).to_series().to_list() for part in parts]


def pairs(count: int, **more: list[Row]) -> dict[str, list[Row]]:
    """Components C1, C2, … with a demand D1, D2, … of F1, F2, … and a bid of S1, S2, … each."""
    each = range(1, count + 1)
    rows: dict[str, list[Row]] = {
        "lead_firms": [{"lead_firm": f"F{i}"} for i in each],
        "components": [{"component": f"C{i}"} for i in each],
        "demands": [{"demand": f"D{i}", "component": f"C{i}", "lead_firm": f"F{i}"} for i in each],
        "bids": [{"bid": f"B{i}", "supplier": f"S{i}", "component": f"C{i}"} for i in each],
    }
    return {name: rows.get(name, []) + more.get(name, []) for name in dict.fromkeys([*rows, *more])}


def rule(scope: str, of: str | None, **limits: int) -> Row:
    return {"rule": f"{scope} {of}", "kind": "supplier_count", "scope": scope, "of": of} | limits


@pytest.mark.parametrize("batch", range(3))
@pytest.mark.parametrize("at_most", [None, 3])
def test_parts_solved_apart_give_the_optimum_of_the_whole(batch: int, at_most: int | None) -> None:
    first = 50_000 + 100 * batch
    whole = join([random_part(first + i, whole=bool(i % 2)) for i in range(10)])
    together, apart = solve(whole, gap_limit=0.0), solved_by_parts(whole, at_most)
    assert check(whole, apart).findings == ()
    assert together.result is not None
    assert apart.result is not None
    assert apart.result.solution_status == together.result.solution_status == "optimal"
    assert apart.result.termination_reason == "proved"
    assert apart.result.coverage.unmet == pytest.approx(together.result.coverage.unmet, abs=1e-5)
    assert apart.result.best == pytest.approx(together.result.best, rel=1e-6)
    assert apart.result.bound == pytest.approx(together.result.bound, rel=1e-6)
    assert apart.input_hash == together.input_hash
    assert apart.run.candidates == together.run.candidates
    assert apart.unmet["demand"].to_list() == together.unmet["demand"].to_list()
    for frame, other in (
        (apart.awards, together.awards),
        (apart.suppliers, together.suppliers),
        (apart.unmet, together.unmet),
    ):
        assert frame.schema == other.schema
    assert apart.awards["demand"].is_sorted()
    assert apart.suppliers["supplier"].is_sorted()


@pytest.mark.parametrize("at_most", [None, 2])
def test_every_part_is_a_network_that_reading_accepts_unchanged(at_most: int | None) -> None:
    joined = join([random_part(60_000 + i, whole=True) for i in range(12)])
    made = generate(replace(PRESETS["small"], connected=False, tiers=2), seed=3)
    for whole in (joined, made):
        parts = subnetworks_of(whole, at_most=at_most)
        assert len(parts) > 1
        for part in parts:
            assert network_from_tables(tables_of(part)) == part
        for name in BY_NAME:
            rows = pl.concat([part.table(name) for part in parts])
            if name in SHARED:
                continue
            assert rows.join(
                whole.table(name), on=BY_NAME[name].key, how="anti", nulls_equal=True
            ).is_empty()
            if name not in SELDOM_WHOLE:
                assert not rows.select(BY_NAME[name].key).is_duplicated().any()
        assert pl.concat([part.demands for part in parts]).sort("demand").equals(whole.demands)
        assert pl.concat([part.rules for part in parts]).sort("rule").equals(whole.rules)


def test_lanes_named_places_and_scopes_come_along() -> None:
    rows = pairs(
        2,
        places=[{"place": "P"}]
        + [
            {"place": name, "economy": economy, "latitude": 10.0 + i, "longitude": 100.0}
            for i, (name, economy) in enumerate((("Q", "TH"), ("R", "TH"), ("X", "MY")))
        ],
        lanes=[
            {"origin": "Q", "destination": "P", "mode": "rail", "days": 3.0, "cost_per_kg": 1.0},
            {"origin": "R", "destination": "P", "mode": "rail", "days": 4.0, "cost_per_kg": 1.0},
            {"origin": "X", "destination": "P", "mode": "rail", "days": 5.0, "cost_per_kg": 1.0},
        ],
        certificates=[
            {"supplier": "S1", "standard": "ISO 9001", "scope": "C2"},
            {"supplier": "S2", "standard": "Ours", "scope": "C2"},
        ],
        standards=[{"standard": "Ours", "class": "firm"}],
        requirements=[
            {"component": "C2", "standard": "Ours", "lead_firm": "F1"},
            {"component": "C2", "standard": "ISO 9001"},
        ],
        suppliers=[{"supplier": "S1", "place": "Q"}, {"supplier": "S2", "place": "R"}],
    )
    rows["bids"][1] |= {"incoterm": "DAP", "named_place": "X"}
    one, two = subnetworks_of(network(**rows))
    assert one.lanes["days"].to_list() == [3.0]
    assert two.lanes["days"].to_list() == [4.0]
    assert keys((one, two), "places") == [["P", "Q"], ["P", "R", "X"]]
    # The certificate of S1 counts for C2 alone, which therefore comes along with its requirements.
    assert keys((one, two), "components") == [["C1", "C2"], ["C2"]]
    assert keys((one, two), "lead_firms") == [["F1"], ["F1", "F2"]]
    assert two.requirements.height == 2
    for part in (one, two):
        assert network_from_tables(tables_of(part)) == part


def test_connected_network_is_one_part_and_returned_as_it_is() -> None:
    whole = generate(PRESETS["small"], seed=2)
    assert subnetworks_of(whole)[0] is whole
    plan = solve(whole, time_limit_s=1)
    assert merge(whole, (whole,), [plan]) is plan


def test_separable_network_falls_into_its_families() -> None:
    # The recipe gives every component family suppliers of its own, so that the parts are at least
    # the families: here suppliers / members per family, rounded.
    recipe = replace(PRESETS["medium"], connected=False)
    whole = generate(recipe, seed=1)
    parts = subnetworks_of(whole)
    assert len(parts) >= round(recipe.suppliers / recipe.members_per_family) > 5
    owners = [set(part.suppliers["supplier"]) for part in parts]
    assert sum(map(len, owners)) == len(set.union(*owners))


def plainly(whole: Network) -> list[set[str]]:
    """The demands that hang together, by joining sets pair by pair; those with bids only."""
    found: list[set[str]] = []
    bids, rules = whole.bids.to_dicts(), whole.rules.to_dicts()
    for demand in whole.demands.to_dicts():
        mine = {("demand", demand["demand"])}
        for bid in bids:
            if bid["component"] == demand["component"] and bid["demand"] in (
                None,
                demand["demand"],
            ):
                mine.add(("supplier", bid["supplier"]))
        for each in rules:
            if demand[each["scope"]] == each["of"]:
                mine.add(("rule", each["rule"]))
        touched = [group for group in found if group & mine]
        found = [group for group in found if not group & mine] + [mine.union(*touched)]
    return [
        {key for kind, key in group if kind == "demand"}
        for group in found
        if any(kind == "supplier" for kind, _ in group)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_parts_are_what_joining_sets_pair_by_pair_gives(seed: int) -> None:
    # Families of about three suppliers and seven demands, some of which fall apart further.
    sparse = replace(
        PRESETS["small"], bids_per_demand=2, demands_per_component=3, lead_firms=60, connected=False
    )
    tables = tables_of(generate(sparse, seed=seed))
    stated = [rule("lead_firm", tables["lead_firms"]["lead_firm"][seed], max=99)]
    stated += [rule("component", each, max=99) for each in tables["components"]["component"][:3]]
    whole = network_from_tables(tables | {"rules": pl.DataFrame(stated)})
    parts, expected = subnetworks_of(whole), plainly(whole)
    assert len(parts) == len(expected) > 2
    served = set().union(*expected)
    assert {frozenset(part) & served for part in keys(parts)} == set(map(frozenset, expected))


def test_shared_supplier_keeps_demands_together() -> None:
    rows = pairs(3)
    assert keys(subnetworks_of(network(**rows))) == [["D1"], ["D2"], ["D3"]]
    rows["bids"].append({"bid": "B4", "supplier": "S1", "component": "C3"})
    assert keys(subnetworks_of(network(**rows))) == [["D1", "D3"], ["D2"]]


def test_bid_for_one_demand_links_its_demand_only() -> None:
    rows = pairs(1)
    rows["demands"].append({"demand": "D2", "component": "C1", "lead_firm": "F1"})
    rows["bids"] = [
        {"bid": f"B{i}", "supplier": f"S{i}", "component": "C1", "demand": f"D{i}"} for i in (1, 2)
    ]
    assert keys(subnetworks_of(network(**rows))) == [["D1"], ["D2"]]
    rows["bids"].append({"bid": "B3", "supplier": "S2", "component": "C1"})
    assert keys(subnetworks_of(network(**rows))) == [["D1", "D2"]]


def test_bids_for_what_nobody_needs_link_nobody() -> None:
    rows = pairs(2, components=[{"component": "idle"}])
    rows["bids"] += [
        {"bid": f"B{s}-idle", "supplier": s, "component": "idle"} for s in ("S1", "S2", "S3")
    ]
    parts = subnetworks_of(network(**rows))
    assert keys(parts) == [["D1"], ["D2"]]
    assert keys(parts, "suppliers") == [["S1"], ["S2"]]  # S3 offers nothing that is needed
    assert keys(parts, "components") == [["C1", "idle"], ["C2", "idle"]]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (rule("network", None, max=9), [["D1", "D2", "D3", "D4"]]),
        (rule("lead_firm", "F1", max=9), [["D1", "D4"], ["D2"], ["D3"]]),
        (rule("component", "C2", max=9), [["D1"], ["D2"], ["D3"], ["D4"]]),
        (rule("demand", "D3", max=9), [["D1"], ["D2"], ["D3"], ["D4"]]),
    ],
    ids=["network", "lead_firm", "component", "demand"],
)
def test_rule_joins_what_it_counts_over(stated: Row, expected: list[list[str]]) -> None:
    rows = pairs(4, rules=[stated])
    rows["demands"][3]["lead_firm"] = "F1"
    parts = subnetworks_of(network(**rows))
    assert keys(parts) == expected
    home = [i for i, part in enumerate(parts) if part.rules.height]
    of = {"lead_firm": 0, "component": 1, "demand": 2}
    assert home == [of.get(stated["scope"], 0)]


def test_component_rule_joins_demands_that_share_no_supplier() -> None:
    rows = pairs(1)
    rows["demands"].append({"demand": "D2", "component": "C1", "lead_firm": "F1"})
    rows["bids"] = [
        {"bid": f"B{i}", "supplier": f"S{i}", "component": "C1", "demand": f"D{i}"} for i in (1, 2)
    ]
    rows["rules"] = [rule("component", "C1", max=1)]
    whole = network(**rows)
    assert subnetworks_of(whole) == (whole,)
    assert solve(whole, gap_limit=0.0).result.coverage.unmet == pytest.approx(1.0)


def test_rule_over_nothing_goes_along_and_still_counts() -> None:
    rows = pairs(2, lead_firms=[{"lead_firm": "idle"}], rules=[rule("lead_firm", "idle", min=1)])
    whole = network(**rows)
    parts = subnetworks_of(whole)
    assert keys(parts, "rules") == [["lead_firm idle"], []]
    assert keys(parts, "lead_firms") == [["F1", "idle"], ["F2"]]
    plan = solved_by_parts(whole)
    assert plan.result.solution_status == solve(whole).result.solution_status == "infeasible"


def test_demands_without_bids_stay_unmet_with_reasons() -> None:
    rows = pairs(2)
    rows["components"].append({"component": "C0"})
    rows["demands"].append({"demand": "D0", "component": "C0", "lead_firm": "F1"})
    rows["demands"].append({"demand": "D9", "component": "C0", "lead_firm": "F2"})
    whole = network(**rows)
    parts = subnetworks_of(whole)
    assert keys(parts) == [["D0", "D1", "D9"], ["D2"]]
    plan = solved_by_parts(whole)
    assert check(whole, plan).findings == ()
    assert plan.unmet.equals(solve(whole).unmet)
    assert plan.unmet.select("demand", "reason").rows() == [
        ("D0", "no supplier bids for this component"),
        ("D9", "no supplier bids for this component"),
    ]


def test_at_most_balances_the_pairs_and_loses_no_demand() -> None:
    whole = generate(replace(PRESETS["medium"], connected=False), seed=4)
    parts = subnetworks_of(whole)
    for most in (1, 2, 4, len(parts), 10 * len(parts)):
        merged = subnetworks_of(whole, at_most=most)
        assert len(merged) == min(most, len(parts))
        demands = pl.concat([part.demands for part in merged])
        assert demands.sort("demand").equals(whole.demands)
    sizes = [_num_pairs(part) for part in subnetworks_of(whole, at_most=4)]
    # The largest part that is left goes where there is least: bins differ by one part at most.
    assert max(sizes) - min(sizes) <= max(_num_pairs(part) for part in parts)


def _num_pairs(part: Network) -> int:
    return part.demands.join(part.bids, on="component").height


def test_at_most_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="column at_most: '0' is below 1; give 1 or more"):
        subnetworks_of(network(**pairs(2)), at_most=0)


def test_order_of_the_parts_does_not_depend_on_the_order_of_rows() -> None:
    whole = join([random_part(70_000 + i, whole=True) for i in range(8)])
    shuffled = network_from_tables(
        {
            name: frame.sample(fraction=1.0, shuffle=True, seed=5)
            for name, frame in tables_of(whole).items()
        }
    )
    for most in (None, 3):
        parts, again = subnetworks_of(whole, at_most=most), subnetworks_of(shuffled, at_most=most)
        assert [part.input_hash for part in parts] == [part.input_hash for part in again]
        firsts = [part.demands["demand"][0] for part in parts]
        assert firsts == sorted(firsts)
        assert [part.name for part in parts] == [
            f"tiny (part {i + 1} of {len(parts)})" for i in range(len(parts))
        ]


@pytest.fixture(scope="module")
def three() -> tuple[Network, tuple[Network, ...], list[Plan]]:
    whole = network(**pairs(3))
    parts = subnetworks_of(whole)
    return whole, parts, [solve(part, engine="highs", gap_limit=0.0) for part in parts]


def restated(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, result=plan.result.model_copy(update=changes))


@pytest.mark.parametrize(
    ("found", "stopped", "told"),
    [
        ("feasible", "gap_limit", "gap_limit"),
        ("feasible", "time_limit", "time_limit"),
        ("feasible", "crashed", "crashed"),
    ],
)
def test_one_open_part_leaves_the_whole_open(
    three: Any, found: SolutionStatus, stopped: TerminationReason, told: TerminationReason
) -> None:
    whole, parts, plans = three
    first = restated(
        plans[0], solution_status=found, termination_reason="gap_limit", bound=90.0, gap=0.1
    )
    second = restated(
        plans[1], solution_status=found, termination_reason=stopped, detail="it ended"
    )
    plan = merge(whole, parts, [first, second, plans[2]])
    assert check(whole, plan).findings == ()
    assert (plan.result.solution_status, plan.result.termination_reason) == ("feasible", told)
    assert plan.result.detail == "it ended"
    # Each part costs 100 × 1; the bounds are 90, 100 and 100.
    assert plan.result.best == pytest.approx(300.0)
    assert plan.result.bound == pytest.approx(290.0)
    assert plan.result.gap == pytest.approx(10 / 300)


def test_of_many_parts_only_the_first_words_are_told() -> None:
    whole = network(**pairs(5))
    parts = subnetworks_of(whole)
    plans = [restated(solve(part), detail=f"said of {k}") for k, part in enumerate(parts)]
    merged = merge(whole, parts, plans)
    assert merged.result is not None
    assert merged.result.detail == "said of 0; said of 1; said of 2; and 2 more"


def test_a_bound_needs_one_of_every_part(three: Any) -> None:
    whole, parts, plans = three
    open_part = restated(
        plans[0], solution_status="feasible", termination_reason="time_limit", bound=None, gap=None
    )
    plan = merge(whole, parts, [open_part, *plans[1:]])
    assert check(whole, plan).findings == ()
    assert plan.result.bound is None
    assert plan.result.gap is None


def test_bounds_do_not_add_up_where_more_coverage_may_be_possible(three: Any) -> None:
    # D1 might be covered by half more: a plan that does so may cover half less of D2, and so cost
    # less than the sum of the bounds while it covers as much in all.
    whole, parts, plans = three
    half = Coverage(unmet=0.0, bound=0.0, proven=False)
    open_part = restated(
        plans[0], solution_status="feasible", termination_reason="time_limit", coverage=half
    )
    plan = merge(whole, parts, [open_part, *plans[1:]])
    assert check(whole, plan).findings == ()
    assert not plan.result.coverage.proven
    assert plan.result.bound is None
    assert plan.result.detail == (
        "no plan that covers as much of every independent part costs less than 300.00 USD"
    )


def test_part_without_a_plan_leaves_the_whole_without_one() -> None:
    rows = pairs(3, rules=[rule("component", "C2", min=2)])
    whole = network(**rows)
    parts = subnetworks_of(whole)
    plans = [solve(part) for part in parts]
    assert [plan.result.solution_status for plan in plans] == ["optimal", "infeasible", "optimal"]
    plan, truth = merge(whole, parts, plans), solve(whole)
    assert check(whole, plan).findings == check(whole, truth).findings
    assert plan.result.solution_status == truth.result.solution_status == "infeasible"
    assert plan.result.termination_reason == truth.result.termination_reason
    assert plan.verdict == truth.verdict
    assert plan.awards.is_empty()
    assert plan.unmet["demand"].to_list() == ["D1", "D2", "D3"]
    assert plan.unmet["reason"][0] == "another independent part of the network has no plan"
    assert plan.unmet.filter(demand="D2").equals(truth.unmet.filter(demand="D2"))

    none = restated(
        plans[0], solution_status="none", termination_reason="crashed", coverage=None, costs=None
    )
    plan = merge(whole, parts, [none, plans[1], plans[2]])
    assert (plan.result.solution_status, plan.result.termination_reason) == ("infeasible", "proved")


def test_runs_are_merged(three: Any) -> None:
    whole, parts, plans = three
    other = replace(
        plans[1],
        run=plans[1].run.model_copy(
            update={
                "engine": "cpsat",
                "threads": 4,
                "versions": plans[1].run.versions | {"numpy": "9.9"},
            }
        ),
    )
    run = merge(whole, parts, [plans[0], other, plans[2]]).run
    assert run.engine == "cpsat, highs"
    assert run.threads == 4
    assert run.versions["numpy"].split(", ") == sorted(["9.9", plans[0].run.versions["numpy"]])
    assert run.versions["polars"] == plans[0].run.versions["polars"]
    assert run.candidates == sum(plan.run.candidates for plan in plans)
    assert run.seconds == pytest.approx(sum(plan.run.seconds for plan in plans))


def test_what_does_not_belong_together_is_refused(three: Any) -> None:
    whole, parts, plans = three
    with pytest.raises(InputError, match="'2 plans' cannot be matched to 3 independent parts"):
        merge(whole, parts, plans[:2])
    with pytest.raises(InputError, match=r"is not a plan of 'Test \(part 1 of 3\)'"):
        merge(whole, parts, [plans[1], plans[0], plans[2]])
    with pytest.raises(InputError, match="cannot be the whole of 'Test'"):
        merge(whole, parts[:2], plans[:2])
    with pytest.raises(InputError, match="cannot be the whole of 'Test'"):
        merge(whole, (), [])
    with pytest.raises(InputError, match="states no result"):
        merge(whole, parts, [replace(plans[0], result=None), *plans[1:]])
