"""The gates: hard tests before cost. One gate, one function, one reason code.

Each gate gives the *shortfall* of every row: how far it is from passing, in the gate's own unit;
0 or less passes. Gates on pairs do not depend on mode or tier; gates on options do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.reference.incoterms import incoterms
from matcher.reference.routes import great_circle_km
from matcher.screening.award_options import AwardOptions, Pairs, largest_award
from matcher.screening.transport_links import TransportLinks
from matcher.tolerances import ROUNDING

if TYPE_CHECKING:
    from matcher.screening.lacking import Asked, Held


@dataclass(frozen=True, slots=True)
class Case:
    """What gates look at: pairs, and options of them.

    Parameters
    ----------
    usable
        By pair and mode, whether the link has the mode and the bid allows it.
    options
        ``pair`` of an option points into ``pairs``.
    slack
        Days left until the due date, by option.
    at_largest
        Landed cost of a unit in the option's largest award, network currency; see
        `matcher.screening.landed_cost.cost_at_largest`.
    """

    arrays: Arrays
    pairs: Pairs
    links: TransportLinks
    usable: Bools
    options: AwardOptions
    slack: Floats
    at_largest: Floats


@dataclass(frozen=True, slots=True)
class Gate:
    """A hard test before cost, with all that is said of it anywhere; `GATES` lists them.

    Parameters
    ----------
    code, unit
        Reason code, and the unit of the distance to passing.
    label
        What a failure is called in tables and charts.
    sentence
        Why a pair was rejected, with ``{distance}``, ``{standard}`` and ``{mode}``.
    fault
        What the judge says of an award that fails it; empty where it never says so.
    of_pairs, of_options
        The shortfall by pair, or by option: how far each is from passing, 0 or less to pass. Of
        standards neither, as a pair may lack several; see `lacks_of`.
    scale
        What the distances of options are compared by, to find the nearest: by demand.
    is_judged
        Whether the judge tests it by the same function; it tests the others in its own words.
    """

    code: str
    unit: str
    label: str
    sentence: str
    fault: str = ""
    of_pairs: Callable[[Case], Floats] | None = None
    of_options: Callable[[Case], Floats] | None = None
    scale: Callable[[Arrays, Ints], Floats] | None = None
    is_judged: bool = True

    def shortfall(self, case: Case) -> Floats | None:
        """How far each pair or option is from passing; ``None`` for standards."""
        test = self.of_pairs or self.of_options
        return None if test is None else test(case)


def own_plant_gate(case: Case) -> Floats:
    """`own_plant`: 1 if the supplier is an own plant of another lead firm than the demand's."""
    arrays, pairs = case.arrays, case.pairs
    owner = arrays.suppliers.owner[arrays.bids.supplier[pairs.bid]]
    foreign = (owner >= 0) & (owner != arrays.demands.lead_firm[pairs.demand])
    return np.where(foreign, 1.0, 0.0)


def in_house_gate(case: Case) -> Floats:
    """`in_house`: 1 if the component is core and the supplier no own plant of the lead firm."""
    arrays, pairs = case.arrays, case.pairs
    owner = arrays.suppliers.owner[arrays.bids.supplier[pairs.bid]]
    core = arrays.components.core[arrays.demands.component[pairs.demand]]
    return np.where(core & (owner != arrays.demands.lead_firm[pairs.demand]), 1.0, 0.0)


def terms_gate(case: Case) -> Floats:
    """`terms`: km between the place a C or D term names and the demand's place.

    Another place of the demand's economy passes where the buyer pays the import cost, which covers
    the way inland: with a C term from another economy. Two places count as 1 km apart at least.
    """
    arrays, pairs = case.arrays, case.pairs
    places, bids, terms = arrays.places, arrays.bids, incoterms()
    incoterm, named = bids.incoterm[pairs.bid], bids.named_place[pairs.bid]
    target = arrays.demands.place[pairs.demand]
    economy = places.economy[target]
    crosses = places.economy[arrays.suppliers.place[bids.supplier[pairs.bid]]] != economy
    inland_paid = crosses & ~terms.imports[incoterm] & (places.economy[named] == economy)
    bound = terms.names_destination[incoterm] & (named >= 0) & (named != target) & ~inland_paid
    shortfall = np.zeros(pairs.size)
    rows = np.flatnonzero(bound)
    if rows.size:
        a, b = named[rows], target[rows]
        shortfall[rows] = np.maximum(
            1.0,
            great_circle_km(
                places.latitude[a], places.longitude[a], places.latitude[b], places.longitude[b]
            ),
        )
    return shortfall


def quality_gate(case: Case) -> Floats:
    """`quality`: defective parts per million above the demand's limit."""
    arrays, pairs = case.arrays, case.pairs
    shortfall: Floats = arrays.bids.ppm[pairs.bid] - arrays.demands.max_ppm[pairs.demand]
    return shortfall


def on_time_gate(case: Case) -> Floats:
    """`on_time`: share of on-time-in-full deliveries below the demand's limit."""
    arrays, pairs = case.arrays, case.pairs
    shortfall: Floats = (
        arrays.demands.min_on_time_rate[pairs.demand] - arrays.bids.on_time_rate[pairs.bid]
    )
    return shortfall


def standards_gate(arrays: Arrays, pairs: Pairs) -> Ints:
    """`standard` and `certificate_date`: number of standards asked that are not met.

    A standard is met by a certificate of it, or of a standard that implies it, whose scope covers
    the component and which is valid on the demand's due date. In a consortium the certificates
    are its lead's.
    """
    from matcher.screening.lacking import num_lacking  # loads its compiler, which takes a while

    lacking: Ints = num_lacking(*_asked_and_held(arrays, pairs))
    return lacking


def ramp_gate(case: Case) -> Floats:
    """`ramp`: days by which the demand is due before the bid may deliver.

    A bid may not deliver in a period where its ramp share is 0; the distance runs to the day
    after that period, and after those right behind it in which the share is 0 too.
    """
    arrays, pairs = case.arrays, case.pairs
    shortfall = np.zeros(pairs.size)
    closed, opens = _ramps_of_zero(arrays)
    if closed.size:
        code = _ramp_code(arrays, pairs.bid, arrays.demands.period[pairs.demand])
        at = np.searchsorted(closed, code).clip(max=closed.size - 1)
        rows = np.flatnonzero(closed[at] == code)
        shortfall[rows] = opens[at[rows]] - arrays.demands.due_days[pairs.demand[rows]]
    return shortfall


def _ramps_of_zero(arrays: Arrays) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of the bids and periods with a ramp share of 0, ascending, and the day after it."""
    ramps, network = arrays.periods, arrays.network
    zero = np.flatnonzero(ramps.ramp_share == 0)
    code = _ramp_code(arrays, ramps.ramp_bid[zero], ramps.ramp_period[zero])
    order = np.argsort(code)
    code, period = code[order], ramps.ramp_period[zero][order]
    after = (network.periods["last"] - network.start).dt.total_days().to_numpy() + 1
    # Periods of one bid that follow each other end with the last of them.
    last = np.flatnonzero(np.diff(code, append=-1) != 1)
    return code, after[period[last[np.searchsorted(last, np.arange(code.size))]]]


def _ramp_code(arrays: Arrays, bid: Ints, period: Ints) -> NDArray[np.int64]:
    """A number for each bid and period; it rises by 1 from a period to the next by date."""
    rank = arrays.network.periods["first"].rank("ordinal").to_numpy().astype(np.int64)
    # The gap of 1 keeps the last period of a bid from being followed by the first of the next.
    code: NDArray[np.int64] = bid.astype(np.int64) * (rank.size + 1) + rank[period]
    return code


def lane_gate(case: Case) -> Floats:
    """`lane`: km along the great circle if no mode that the bid allows connects the places."""
    pairs, links, usable = case.pairs, case.links, case.usable
    shortfall = np.zeros(pairs.size)
    rows = np.flatnonzero(~usable.any(axis=1))
    # Two places at one point still miss a lane, so the distance is never 0.
    shortfall[rows] = np.maximum(links.direct_km[pairs.link[rows]], 1.0)
    return shortfall


def quantity_gate(case: Case) -> Floats:
    """`quantity`: units by which the smallest possible award exceeds the largest allowed."""
    arrays, options = case.arrays, case.options
    passes = (options.lower <= options.upper * (1 + ROUNDING)) & (options.upper > 0)
    smallest = np.maximum(options.lower, arrays.bids.order_multiple[options.bid])
    return np.where(passes, 0.0, smallest - largest_award(arrays, options))


def delivery_gate(case: Case) -> Floats:
    """`delivery`: days too late."""
    return np.where(case.slack < -ROUNDING, -case.slack, 0.0)


def ceiling_gate(case: Case) -> Floats:
    """`ceiling`: landed cost per unit above the demand's ceiling, in network currency."""
    ceiling = case.arrays.demands.ceiling[case.options.demand]
    excess = case.at_largest - ceiling
    passes = excess <= ROUNDING * np.where(np.isfinite(ceiling), np.abs(ceiling), 0.0)
    return np.where(passes, 0.0, excess)


def _whole_demand(arrays: Arrays, demand: Ints) -> Floats:
    return arrays.demands.quantity[demand]


def _days_to_the_due_date(arrays: Arrays, demand: Ints) -> Floats:
    return np.maximum(arrays.demands.due_days[demand], 1).astype(np.float64)


def _ceiling(arrays: Arrays, demand: Ints) -> Floats:
    ceiling = arrays.demands.ceiling[demand]
    return np.where(np.isfinite(ceiling), ceiling, 1.0)


GATES: tuple[Gate, ...] = (
    Gate(
        code="own_plant",
        unit="lead firms",
        label="Own plant of another lead firm",
        sentence="the supplier is an own plant of another lead firm",
        fault="the supplier is an own plant of another lead firm",
        of_pairs=own_plant_gate,
    ),
    Gate(
        code="in_house",
        unit="own plants",
        label="Component stays in house",
        sentence="the component stays in house, and the supplier is not an own plant of the lead "
        "firm",
        fault="the component is core, and the supplier no own plant of the lead firm",
        of_pairs=in_house_gate,
    ),
    Gate(
        code="terms",
        unit="km",
        label="Price applies to another place",
        sentence="its price applies to a place {distance} away, in another economy",
        fault="the price holds to a named place in another economy",
        of_pairs=terms_gate,
    ),
    Gate(
        code="quality",
        unit="ppm",
        label="Defect rate too high",
        sentence="its defect rate is {distance} above the limit",
        fault="the defect rate is above the demand's limit",
        of_pairs=quality_gate,
    ),
    Gate(
        code="on_time",
        unit="share",
        label="On-time rate too low",
        sentence="its on-time rate is {distance} below the limit",
        fault="the on-time rate is below the demand's limit",
        of_pairs=on_time_gate,
    ),
    Gate(
        code="standard",
        unit="standards",
        label="Lacks a standard",
        sentence="lacks {standard}",
        fault="a standard is lacking",
    ),
    Gate(
        code="certificate_date",
        unit="days",
        label="Certificate not valid on the due date",
        sentence="its {standard} certificate is not valid on the due date, by {distance}",
        fault="a certificate is not valid on the due date",
    ),
    Gate(
        code="ramp",
        unit="days",
        label="Not approved to deliver in time",
        sentence="not approved to deliver until {distance} after the due date",
        fault="a bid delivers more than its ramp-up allows in the period",
        of_pairs=ramp_gate,
    ),
    Gate(
        code="lane",
        unit="km",
        label="No transport connection",
        sentence="none of its transport modes connects the two places, {distance} apart",
        fault="the mode does not connect the two places, or the bid does not allow it",
        of_pairs=lane_gate,
        is_judged=False,
    ),
    Gate(
        code="quantity",
        unit="units",
        label="Award size does not fit",
        sentence="its smallest award is {distance} more than can be awarded",
        of_options=quantity_gate,
        scale=_whole_demand,
        is_judged=False,
    ),
    Gate(
        code="delivery",
        unit="days",
        label="Arrives too late",
        sentence="arrives {distance} late, by {mode}",
        fault="the award arrives too late",
        of_options=delivery_gate,
        scale=_days_to_the_due_date,
    ),
    Gate(
        code="ceiling",
        unit="network currency per unit",
        label="Above the cost ceiling",
        sentence="{distance} above the cost ceiling, by {mode}",
        fault="the landed cost is above the demand's ceiling",
        of_options=ceiling_gate,
        scale=_ceiling,
    ),
)
"""Every gate, in the order in which reasons are given; a new one is a function and an entry."""

REASONS: dict[str, Gate] = {gate.code: gate for gate in GATES}
REASON: dict[str, np.int8] = {gate.code: np.int8(i) for i, gate in enumerate(GATES)}


@dataclass(frozen=True, slots=True)
class Lacks:
    """Standards that pairs lack: ``row`` points into the pairs that were asked about.

    ``days`` is how many days a certificate misses the due date by, and 0 if there is none.
    """

    row: Ints
    standard: Ints
    days: Ints


def lacks_of(arrays: Arrays, pairs: Pairs) -> Lacks:
    """Which standards each of the pairs lacks, one row a standard."""
    from matcher.screening.lacking import lacking, num_lacking  # loads its compiler

    asked, held = _asked_and_held(arrays, pairs)
    row, standard, days = lacking(int(num_lacking(asked, held).sum()), asked, held)
    return Lacks(row, standard, days)


def _asked_and_held(arrays: Arrays, pairs: Pairs) -> tuple[Asked, Held]:
    from matcher.screening.lacking import Asked, Held  # loads its compiler

    capability, demands = arrays.capability, arrays.demands
    asked = Asked(
        component=demands.component[pairs.demand],
        firm=demands.lead_firm[pairs.demand],
        due=demands.due_days[pairs.demand],
        holder=arrays.bids.holder[pairs.bid],
        own_plant=arrays.suppliers.owner[arrays.bids.supplier[pairs.bid]]
        == demands.lead_firm[pairs.demand],
        start=capability.asked_start,
        standard=capability.asked,
        by=capability.asked_by,
        of_others=capability.asked_of_others,
    )
    held = Held(
        start=capability.held_start,
        standard=capability.held,
        scope=capability.held_scope,
        valid_from=capability.held_from,
        valid_to=capability.held_to,
        meets=capability.standards.meets,
    )
    return asked, held
