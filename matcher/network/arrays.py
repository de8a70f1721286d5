"""The network as index and number arrays: what the vectorised stations compute on.

Labels become positions in their (sorted) tables, currencies become the network's currency, dates
become days after the network's start. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.network import Network
from matcher.reference.blocs import blocs
from matcher.reference.economies import FOB_VALUATION
from matcher.reference.incoterms import incoterms
from matcher.reference.modes import units_per_container
from matcher.reference.standards import Standards, normalise, standards
from matcher.reference.tariffs import tariffs
from matcher.reference.trade_costs import assumed_trade_costs, trade_costs
from matcher.reference.working_days import calendar_days
from matcher.schema.tables import INCOTERMS, MODES

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

NONE = np.int32(-1)
FOREVER = np.int32(2**30)

# What the makers of a sensitive component must hold.
SENSITIVE_STANDARD = "ISO/IEC 27001"


@dataclass(frozen=True, slots=True)
class Demands:
    """Demands, in the order of their table. Unstated limits are infinite (or 0, for minima).

    ``line`` numbers the lines, -1 for none; ``period`` is the one of the due date.
    """

    component: Ints
    lead_firm: Ints
    place: Ints
    quantity: Floats
    due_days: Ints
    priority: Floats
    ceiling: Floats
    max_ppm: Floats
    min_on_time_rate: Floats
    safety_days: Floats
    share_cap: Floats
    min_suppliers: Ints
    max_suppliers: Ints
    single_source: Bools
    line: Ints
    period: Ints


@dataclass(frozen=True, slots=True)
class Bids:
    """Bids, in the order of their table. Money is in the network's currency.

    ``modes`` has shape (bids, modes), for goods that cross a border; at home those go by any mode
    that have not ``states_modes``. ``tier_start`` has one entry more than there are bids:
    tiers of bid b stand at ``tier_start[b]:tier_start[b + 1]`` of `Tiers`; the first is the bid's
    own price from quantity 0. ``holder`` is the supplier whose certificates count: the lead of the
    bid's consortium, or the supplier itself. ``bundle`` numbers the bundles, ``consortium`` points
    into `Consortia`; -1 where there is none.
    """

    supplier: Ints
    component: Ints
    demand: Ints
    incoterm: Ints
    named_place: Ints
    origin_charges: Floats
    lead_time_days: Floats
    moq: Floats
    max_quantity: Floats
    order_multiple: Floats
    tooling_cost: Floats
    ppm: Floats
    on_time_rate: Floats
    payment_days: Floats
    deposit: Floats
    modes: Bools
    states_modes: Bools
    origin_proof: Bools
    co2e_kg: Floats
    split: Bools
    incremental: Bools
    bundle: Ints
    consortium: Ints
    holder: Ints
    tier_start: Ints


@dataclass(frozen=True, slots=True)
class Tiers:
    """Price tiers of all bids, grouped by bid and ascending in quantity.

    A tier holds for awards of ``lower`` to ``upper`` units, at ``price`` per unit in the
    network's currency.
    """

    lower: Floats
    upper: Floats
    price: Floats


@dataclass(frozen=True, slots=True)
class Components:
    """Components: weight, volume, share of a container, cost of a defect (network currency)."""

    hs: tuple[str, ...]
    weight_kg: Floats
    volume_m3: Floats
    units_per_container: Floats
    defect_cost: Floats
    core: Bools
    sensitive: Bools


@dataclass(frozen=True, slots=True)
class Places:
    """Places and the economies they lie in; ``economies`` is the vocabulary of ``economy``."""

    economies: tuple[str, ...]
    economy: Ints
    latitude: Floats
    longitude: Floats


@dataclass(frozen=True, slots=True)
class Economies:
    """Trade costs by economy, in network currency per container and days: by sea, and otherwise.

    ``has_customs`` says between which two economies goods go through customs, ``no_duty`` where
    none is due whoever made them, and ``free_trade`` where none is due if the origin is proven;
    shape (economies, economies), origin first. ``tariff`` is what is due by default, a share of
    the customs value; nan where none is known.
    """

    export_days: Floats
    export_cost: Floats
    import_days: Floats
    import_cost: Floats
    export_clearance_days: Floats
    export_clearance_cost: Floats
    import_clearance_days: Floats
    import_clearance_cost: Floats
    fob_valuation: Bools
    has_customs: Bools
    no_duty: Bools
    free_trade: Bools
    tariff: Floats


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Suppliers; money in the network's currency.

    ``owner`` is the lead firm whose own plant it is, or -1. ``turnover`` and ``credit_line`` are
    infinite where they are not stated.
    """

    place: Ints
    onboarding_cost: Floats
    turnover: Floats
    credit_line: Floats
    owner: Ints


@dataclass(frozen=True, slots=True)
class Usages:
    """What a unit of a bid uses of a resource, one entry a pair."""

    bid: Ints
    resource: Ints
    use_per_unit: Floats
    capacity: Floats


@dataclass(frozen=True, slots=True)
class Consortia:
    """Consortia: MOQ in units for each demand, coordination cost in the network's currency."""

    moq: Floats
    coordination_cost: Floats


@dataclass(frozen=True, slots=True)
class Periods:
    """What holds in each period; a network without periods is one long one.

    ``capacity`` has shape (resources, periods). A bid ``ramp_bid`` may take at most the share
    ``ramp_share`` of the capacity of each of its resources in ``ramp_period``.
    """

    capacity: Floats
    ramp_bid: Ints
    ramp_period: Ints
    ramp_share: Floats


@dataclass(frozen=True, slots=True)
class Capability:
    """Standards asked and held, as compressed rows.

    Requirements of component c stand at ``asked_start[c]:asked_start[c + 1]``; those with a
    ``asked_by`` of -1 are asked by every lead firm, those with ``asked_of_others`` not of the lead
    firm's own plants. Certificates of supplier s stand at
    ``held_start[s]:held_start[s + 1]``, valid from ``held_from`` to ``held_to`` in days after the
    network's start.
    """

    standards: Standards
    asked_start: Ints
    asked: Ints
    asked_by: Ints
    asked_of_others: Bools
    held_start: Ints
    held: Ints
    held_scope: Ints
    held_from: Ints
    held_to: Ints


@dataclass(frozen=True, slots=True)
class Arrays:
    """A network as arrays. See the parts for units."""

    network: Network
    usd: float
    demands: Demands
    bids: Bids
    tiers: Tiers
    components: Components
    places: Places
    economies: Economies
    suppliers: Suppliers
    usages: Usages
    consortia: Consortia
    periods: Periods
    capability: Capability


def index_of(values: pl.Series, keys: pl.Series) -> Ints:
    """Position of each of ``values`` in ``keys``; -1 where it is null."""
    positions = values.cast(pl.Enum(keys)).to_physical().cast(pl.Int32).fill_null(-1)
    return positions.to_numpy()


def _floats(series: pl.Series, null: float = 0.0) -> Floats:
    return np.ascontiguousarray(series.fill_null(null).to_numpy(), dtype=np.float64)


def _days_after(series: pl.Series, network: Network, null: np.int32) -> Ints:
    days = (series - network.start).dt.total_days().cast(pl.Int32)
    return days.fill_null(int(null)).to_numpy()


def _starts(owner: Ints, size: int) -> Ints:
    return np.searchsorted(owner, np.arange(size + 1)).astype(np.int32)


def to_arrays(network: Network) -> Arrays:
    """The network as arrays; cheap enough to call once per solve, check or explanation."""
    worth = {str(c): float(v) for c, v in network.rates.select("currency", "value").iter_rows()}
    worth[network.currency] = 1.0
    usd = worth.get("USD", 1.0)
    places = _places(network)
    bids, tiers = _bids(network, worth)
    bid_keys = network.bids["bid"]
    usages = Usages(
        bid=index_of(network.usages["bid"], bid_keys),
        resource=index_of(network.usages["resource"], network.resources["resource"]),
        use_per_unit=_floats(network.usages["use_per_unit"]),
        capacity=_floats(network.resources["capacity"]),
    )
    return Arrays(
        network=network,
        usd=usd,
        demands=_demands(network),
        bids=bids,
        tiers=tiers,
        components=_components(network),
        places=places,
        economies=_economies(network, places.economies, usd),
        suppliers=Suppliers(
            place=index_of(network.suppliers["place"], network.places["place"]),
            onboarding_cost=_floats(network.suppliers["onboarding_cost"]),
            turnover=_floats(network.suppliers["turnover"], np.inf),
            credit_line=_floats(network.suppliers["credit_line"], np.inf),
            owner=index_of(network.suppliers["lead_firm"], network.lead_firms["lead_firm"]),
        ),
        usages=usages,
        consortia=Consortia(
            moq=_floats(network.consortia["moq"]),
            coordination_cost=_floats(network.consortia["coordination_cost"]),
        ),
        periods=_periods(network, usages),
        capability=_capability(network),
    )


def _demands(network: Network) -> Demands:
    frame = network.demands
    single = frame["single_source"].to_numpy()
    most = frame["max_suppliers"].fill_null(int(FOREVER)).cast(pl.Int32).to_numpy()
    return Demands(
        component=index_of(frame["component"], network.components["component"]),
        lead_firm=index_of(frame["lead_firm"], network.lead_firms["lead_firm"]),
        place=index_of(frame["place"], network.places["place"]),
        quantity=_floats(frame["quantity"]),
        due_days=_days_after(frame["due"], network, FOREVER),
        priority=_floats(frame["priority"]),
        ceiling=_floats(frame["ceiling"], np.inf),
        max_ppm=_floats(frame["max_ppm"], np.inf),
        min_on_time_rate=_floats(frame["min_on_time_rate"]),
        safety_days=_floats(frame["safety_days"]),
        share_cap=_floats(frame["share_cap"], 1.0),
        min_suppliers=frame["min_suppliers"].fill_null(0).cast(pl.Int32).to_numpy(),
        max_suppliers=np.where(single, 1, most).astype(np.int32),
        single_source=single,
        line=numbered(frame["line"]),
        period=_period_of(network),
    )


def numbered(names: pl.Series) -> Ints:
    """The number of each name among the distinct ones; -1 where there is none."""
    return index_of(names, names.drop_nulls().unique().sort())


def _period_of(network: Network) -> Ints:
    """The period of each demand's due date; 0 where the network has none."""
    period = np.zeros(network.demands.height, dtype=np.int32)
    due = network.demands["due"]
    for i, (first, last) in enumerate(network.periods.select("first", "last").iter_rows()):
        period[due.is_between(first, last).to_numpy()] = i
    return period


def _periods(network: Network, usages: Usages) -> Periods:
    keys, ramps = network.periods["period"], network.ramps
    capacity = np.repeat(usages.capacity[:, None], max(keys.len(), 1), axis=1)
    own = network.capacities
    capacity[
        index_of(own["resource"], network.resources["resource"]), index_of(own["period"], keys)
    ] = _floats(own["capacity"])
    return Periods(
        capacity=capacity,
        ramp_bid=index_of(ramps["bid"], network.bids["bid"]),
        ramp_period=index_of(ramps["period"], keys),
        ramp_share=_floats(ramps["share"]),
    )


def _bids(network: Network, worth: dict[str, float]) -> tuple[Bids, Tiers]:
    frame = network.bids
    factor = _floats(frame["currency"].replace_strict(worth, return_dtype=pl.Float64))
    incoterm = index_of(frame["incoterm"], pl.Series(INCOTERMS))
    modes = _expected_modes()[incoterm]
    states_modes = frame["modes"].is_not_null().to_numpy()
    if states_modes.any():
        listed = frame["modes"].fill_null("")
        stated = np.column_stack(
            [listed.str.contains(mode, literal=True).to_numpy() for mode in MODES]
        )
        modes = np.where(states_modes[:, None], stated, modes)
    bid_keys = frame["bid"]
    extra_bid = index_of(network.tiers["bid"], bid_keys)
    bid = np.concatenate([np.arange(frame.height, dtype=np.int32), extra_bid])
    lower = np.concatenate([np.zeros(frame.height), _floats(network.tiers["from_quantity"])])
    price = np.concatenate([_floats(frame["price"]), _floats(network.tiers["price"])])
    order = np.lexsort((lower, bid))
    bid, lower = bid[order], lower[order]
    price = price[order] * (factor * (1 + _floats(frame["surcharge_rate"])))[bid]
    price = price / _floats(frame["price_per"])[bid] + (_floats(frame["surcharge"]) * factor)[bid]
    upper = np.full(bid.size, np.inf)
    same = bid[1:] == bid[:-1]
    upper[:-1][same] = lower[1:][same]
    suppliers = network.suppliers["supplier"]
    supplier = index_of(frame["supplier"], suppliers)
    consortium = index_of(frame["consortium"], network.consortia["consortium"])
    lead = np.append(index_of(network.consortia["lead"], suppliers), NONE)[consortium]
    bids = Bids(
        supplier=supplier,
        component=index_of(frame["component"], network.components["component"]),
        demand=index_of(frame["demand"], network.demands["demand"]),
        incoterm=incoterm,
        named_place=index_of(frame["named_place"], network.places["place"]),
        origin_charges=_floats(frame["origin_charges"]) * factor,
        lead_time_days=_lead_time_days(network),
        moq=_floats(frame["moq"]),
        max_quantity=_floats(frame["max_quantity"], np.inf),
        order_multiple=_floats(frame["order_multiple"]),
        tooling_cost=_floats(frame["tooling_cost"]) * factor,
        ppm=_floats(frame["ppm"]),
        on_time_rate=_floats(frame["on_time_rate"]),
        payment_days=_floats(frame["payment_days"]),
        deposit=_floats(frame["deposit"]),
        modes=modes,
        states_modes=states_modes,
        origin_proof=frame["origin_proof"].to_numpy(),
        co2e_kg=_floats(frame["co2e_kg"]),
        split=frame["split"].to_numpy(),
        incremental=frame["incremental"].to_numpy(),
        bundle=numbered(frame["bundle"]),
        consortium=consortium,
        holder=np.where(consortium >= 0, lead, supplier).astype(np.int32),
        tier_start=_starts(bid, frame.height),
    )
    return bids, Tiers(lower=lower, upper=upper, price=price)


def _lead_time_days(network: Network) -> Floats:
    """Production lead times in calendar days: the longer one where working days are stated too."""
    bids = network.bids.select("supplier", "lead_time_days", "lead_time_working_days")
    days = _floats(bids["lead_time_days"]).copy()
    rows = np.flatnonzero(bids["lead_time_working_days"].is_not_null().to_numpy())
    if rows.size:
        some = bids[rows].join(
            network.suppliers.select("supplier", "place").join(
                network.places.select("place", "economy"), on="place"
            ),
            on="supplier",
            how="left",
            maintain_order="left",
        )
        longer = calendar_days(
            some["economy"].to_numpy(), _floats(some["lead_time_working_days"]), network.start
        )
        days[rows] = np.maximum(days[rows], longer)
    return days


def _expected_modes() -> Bools:
    """The modes across a border of a bid that states none, by incoterm: shape (incoterms, modes).

    Under a C or D term the seller chooses and pays the carriage, and does not fly unless the bid
    says so; FAS, FOB, CFR and CIF are terms for the sea.
    """
    terms = incoterms()
    modes = np.ones((len(INCOTERMS), len(MODES)), dtype=np.bool_)
    modes[terms.names_destination, MODES.index("air")] = False
    modes[terms.by_sea] = np.array(MODES) == "sea"
    return modes


def _components(network: Network) -> Components:
    frame = network.components
    weight, volume = _floats(frame["weight_kg"]), _floats(frame["volume_m3"])
    return Components(
        hs=tuple(frame["hs"].fill_null("").to_list()),
        weight_kg=weight,
        volume_m3=volume,
        units_per_container=units_per_container(weight, volume),
        defect_cost=_floats(frame["defect_cost"]),
        core=frame["core"].to_numpy(),
        sensitive=frame["sensitive"].to_numpy(),
    )


def _places(network: Network) -> Places:
    frame = network.places
    economies = frame["economy"].unique().sort()
    return Places(
        economies=tuple(economies.to_list()),
        economy=index_of(frame["economy"], economies),
        latitude=_floats(frame["latitude"]),
        longitude=_floats(frame["longitude"]),
    )


def _economies(network: Network, economies: tuple[str, ...], usd: float) -> Economies:
    own = network.trade_costs
    table = pl.DataFrame({"economy": economies}, schema={"economy": pl.String}).join(
        own, on="economy", how="left", maintain_order="left"
    )
    table = table.join(
        trade_costs(), on="economy", how="left", maintain_order="left", suffix="_shipped"
    )
    # What nobody states is assumed; reading the network has warned of it where it counts.
    figures = {
        name: _floats(table[name].fill_null(table[f"{name}_shipped"]), assumed)
        * (usd if "cost" in name else 1.0)
        for name, assumed in assumed_trade_costs().items()
    }
    in_force = blocs(economies, network.start)
    rate = dict(tariffs().select("economy", "rate").iter_rows())
    return Economies(
        export_days=figures["export_days"],
        export_cost=figures["export_cost_usd_per_container"],
        import_days=figures["import_days"],
        import_cost=figures["import_cost_usd_per_container"],
        export_clearance_days=figures["export_clearance_days"],
        export_clearance_cost=figures["export_clearance_cost_usd"],
        import_clearance_days=figures["import_clearance_days"],
        import_clearance_cost=figures["import_clearance_cost_usd"],
        fob_valuation=np.array([code in FOB_VALUATION for code in economies], dtype=np.bool_),
        has_customs=~in_force.no_customs,
        no_duty=in_force.no_duty,
        free_trade=in_force.free_trade,
        tariff=np.array([rate.get(code, np.nan) for code in economies], dtype=np.float64),
    )


def _capability(network: Network) -> Capability:
    known, _ = standards(network.standards)
    keys = pl.Series(known.standards)
    asked, held = network.requirements, network.certificates
    # Makers of a sensitive component guard its drawings and data, whoever the lead firm is; its own
    # plants have them anyway.
    sensitive = network.components.filter("sensitive").select(
        "component",
        standard=pl.lit(known.standards[known.positions[normalise(SENSITIVE_STANDARD)]]),
        lead_firm=pl.lit(None, dtype=pl.String),
        of_others=pl.lit(value=True),
    )
    # Sorted, since the gate takes the rows of a component and standard one after the other.
    key = ("component", "standard", "lead_firm")
    asked = (
        pl.concat([asked.with_columns(of_others=pl.lit(value=False)), sensitive])
        .group_by(key)
        .agg(pl.col("of_others").all())
        .sort(key)
    )
    components, suppliers = network.components["component"], network.suppliers["supplier"]
    return Capability(
        standards=known,
        asked_start=_starts(index_of(asked["component"], components), components.len()),
        asked=index_of(asked["standard"], keys),
        asked_by=index_of(asked["lead_firm"], network.lead_firms["lead_firm"]),
        asked_of_others=asked["of_others"].to_numpy(),
        held_start=_starts(index_of(held["supplier"], suppliers), suppliers.len()),
        held=index_of(held["standard"], keys),
        held_scope=index_of(held["scope"], components),
        held_from=_days_after(held["valid_from"], network, np.int32(-FOREVER)),
        held_to=_days_after(held["valid_to"], network, FOREVER),
    )
