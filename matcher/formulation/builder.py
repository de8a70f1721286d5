"""Columns and rows of the program, collected segment by segment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from matcher.formulation.concerned import has_terms, keeps_incumbent, ramp_share
from matcher.formulation.instances import instances_of
from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.program import Program, Segment
from matcher.schema.objectives import Stage
from matcher.schema.rules import DECIDED, MIN_COUNTED_SHARE, Rule
from matcher.schema.tables import MODES
from matcher.screening.award_options import expand
from matcher.screening.candidates import Candidates
from matcher.screening.metrics import metric
from matcher.tolerances import STATED

Index = NDArray[np.int64]


class Builder:
    """Collects columns and rows by segments. Row r of a segment has entries (r, column, value)."""

    def __init__(
        self,
        arrays: Arrays,
        candidates: Candidates,
        rules: tuple[Rule, ...],
        stages: tuple[Stage, ...],
    ) -> None:
        self.arrays = arrays
        self.stages = stages
        self.candidates = candidates
        self.rules = rules
        self.offset = 0.0
        self.levels: dict[int, list[Index]] = {}
        self.num_columns = 0
        self.num_rows = 0
        self._columns: list[tuple[Floats, Floats, Floats, Bools]] = []
        self._later_costs: list[tuple[Index, Floats]] = []
        self._column_segments: list[Segment] = []
        self._entries: list[tuple[Index, Index, Floats]] = []
        self._limits: list[tuple[Floats, Floats]] = []
        self._row_segments: list[Segment] = []
        self.keys = Keys(arrays)

        self.quantity = arrays.demands.quantity
        self.lower, self.upper = award_limits(arrays, candidates, rules)
        size = candidates.size
        demand = candidates.demand
        self.x = self.add_columns(
            Segment("x", size, self.keys.candidates(candidates, np.arange(size))),
            cost=candidates.unit_cost * self.quantity[demand],
            upper=self.upper,
        )
        self.y = self._decisions()
        self.z = self._uses()
        num_demands = self.quantity.size
        self.u = self.add_columns(
            Segment(
                "u", num_demands, ((np.arange(num_demands, dtype=np.int32), self.keys.demand),)
            ),
            cost=np.zeros(num_demands),
            upper=np.ones(num_demands),
        )
        self.multiple, self.step = self._multiples()
        # Column that counts the vehicles of each candidate after its first; -1 where one will do.
        self.vehicles = np.full(size, -1)

    def add_columns(
        self, segment: Segment, *, cost: Floats, upper: Floats, integer: bool = False
    ) -> Index:
        """Append columns with lower bound 0; gives their positions."""
        size = segment.size
        self._columns.append((cost, np.zeros(size), upper, np.full(size, integer)))
        self._column_segments.append(segment)
        start, self.num_columns = self.num_columns, self.num_columns + size
        return np.arange(start, self.num_columns)

    def add_cost(self, column: Index, cost: Floats) -> None:
        """Let columns that are there cost so much more."""
        self._later_costs.append((column, cost))

    def add_rows(
        self,
        segment: Segment,
        entries: Sequence[tuple[Index, Index, Floats | float]],
        lower: Floats | float,
        upper: Floats | float,
    ) -> None:
        """Append rows; ``entries`` are (row within the segment, column, value) as arrays."""
        if segment.size == 0:
            return
        for row, column, value in entries:
            self._entries.append(
                (
                    row + self.num_rows,
                    column,
                    np.broadcast_to(np.asarray(value, dtype=np.float64), row.shape),
                )
            )
        self._limits.append(
            (
                np.broadcast_to(np.asarray(lower, dtype=np.float64), (segment.size,)),
                np.broadcast_to(np.asarray(upper, dtype=np.float64), (segment.size,)),
            )
        )
        self._row_segments.append(segment)
        self.num_rows += segment.size

    def program(self, name: str) -> Program:
        """Everything collected, as a program."""
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        matrix = csr_array(
            coo_array((value, (row, column)), shape=(self.num_rows, self.num_columns))
        )
        _, lower, upper, integer = (
            np.concatenate(parts) for parts in zip(*self._columns, strict=True)
        )
        row_lower, row_upper = (np.concatenate(parts) for parts in zip(*self._limits, strict=True))
        return Program(
            name=name,
            cost=self._cost(),
            matrix=matrix,
            row_lower=row_lower,
            row_upper=row_upper,
            lower=lower,
            upper=upper,
            integer=integer,
            row_segments=tuple(self._row_segments),
            column_segments=tuple(self._column_segments),
            offset=self.offset,
        )

    def _cost(self) -> Floats:
        """What every column so far costs."""
        cost = np.concatenate([cost for cost, *_ in self._columns])
        for column, more in self._later_costs:
            np.add.at(cost, column, more)
        return cost

    def costs(self) -> tuple[Index, Floats]:
        """The columns that cost something so far, and what."""
        cost = self._cost()
        columns = np.flatnonzero(cost)
        return columns, cost[columns]

    def uppers(self) -> Floats:
        """The upper bounds of the columns so far."""
        return np.concatenate([upper for _, _, upper, _ in self._columns])

    def add_missed(self, segment: Segment, rule: Rule, scale: Floats, most: Floats) -> Index:
        """Columns for the amounts, in units of ``scale``, by which the rows of a target are missed.

        They cost the rule's price or, without one, are brought down before cost, with the level of
        the rule's priority. ``most`` is what they can come to.
        """
        price = 0.0 if rule.price is None else rule.price
        columns = self.add_columns(segment, cost=price * scale, upper=most)
        if rule.price is None:
            assert rule.priority is not None
            self.levels.setdefault(rule.priority, []).append(columns)
        return columns

    def presence(
        self, group: Index, owner: Index, keys: tuple[str, ...]
    ) -> tuple[Index, Index, Index]:
        """Columns that say whether an owner of candidates has an award within a group of them.

        ``group`` is each candidate's group, -1 for none; ``owner`` its supplier, or its economy,
        named by ``keys``. Gives (column, group, owner) of each pair that occurs. A pair with one
        candidate is told by that candidate's y; others get a binary w with y_a ≤ w ≤ Σ y_a.
        """
        rows = np.flatnonzero(group >= 0)
        code = group[rows] * len(keys) + owner[rows]
        pairs, first, member, count = np.unique(
            code, return_index=True, return_inverse=True, return_counts=True
        )
        column = self.y[rows[first]].copy()
        shared = np.flatnonzero(count > 1)
        owners = pairs % len(keys)
        if shared.size:
            label = ((owners[shared].astype(np.int32), keys),)
            column[shared] = self.add_columns(
                Segment("w", shared.size, label),
                cost=np.zeros(shared.size),
                upper=np.ones(shared.size),
                integer=True,
            )
            at = np.flatnonzero(count[member] > 1)
            w, y = column[member[at]], self.y[rows[at]]
            each = np.arange(at.size)
            self.add_rows(
                Segment("presence_each", at.size), [(each, y, 1.0), (each, w, -1.0)], -np.inf, 0.0
            )
            position = np.full(pairs.size, -1)
            position[shared] = np.arange(shared.size)
            self.add_rows(
                Segment("presence_any", shared.size, label),
                [(np.arange(shared.size), column[shared], 1.0), (position[member[at]], y, -1.0)],
                -np.inf,
                0.0,
            )
        return column, pairs // len(keys), owners

    def _decisions(self) -> Index:
        """Award decisions y, for the candidates whose award is more than a quantity."""
        c, demands = self.candidates, self.arrays.demands
        suppliers_bidding = distinct(c.demand, c.supplier, demands.quantity.size)
        counted = (demands.min_suppliers > 1) | (demands.max_suppliers < suppliers_bidding)
        needed = (self.lower > 0) | counted[c.demand] | has_terms(self.arrays, c)
        needed |= shares_bid(c) & ~self.arrays.bids.split[c.bid]
        if any(
            objective.name == "supplier_count"
            for stage in self.stages
            for objective in stage.objectives
        ):
            needed[:] = True
        for rule in self.rules:
            if rule.kind in DECIDED:
                needed |= instances_of(self.arrays, c, rule).instance >= 0
        rows = np.flatnonzero(needed)
        _, cost = metric(self.arrays, c, "cost")
        y = np.full(c.size, -1)
        y[rows] = self.add_columns(
            Segment("y", rows.size, self.keys.candidates(c, rows)),
            cost=cost[rows],
            upper=np.ones(rows.size),
            integer=True,
        )
        return y

    def _uses(self) -> Index:
        """Supplier use z, where onboarding costs something."""
        onboarding = self.arrays.suppliers.onboarding_cost
        bids = np.zeros(onboarding.size, dtype=np.bool_)
        bids[self.candidates.supplier] = True
        rows = np.flatnonzero(bids & (onboarding > 0))
        z = np.full(onboarding.size, -1)
        z[rows] = self.add_columns(
            Segment("z", rows.size, ((rows.astype(np.int32), self.keys.supplier),)),
            cost=onboarding[rows],
            upper=np.ones(rows.size),
            integer=True,
        )
        return z

    def _multiples(self) -> tuple[Index, Floats]:
        """Counts of order multiples, where a bid states one."""
        c = self.candidates
        step = self.arrays.bids.order_multiple[c.bid] / self.quantity[c.demand]
        rows = np.flatnonzero(step > 0)
        multiple = np.full(c.size, -1)
        multiple[rows] = self.add_columns(
            Segment("k", rows.size, self.keys.candidates(c, rows)),
            cost=np.zeros(rows.size),
            upper=np.floor(self.upper[rows] / np.maximum(step[rows], 1e-300) + STATED),
            integer=True,
        )
        return multiple, step


class Keys:
    """Vocabularies for labels."""

    def __init__(self, arrays: Arrays) -> None:
        network = arrays.network
        self.demand = tuple(network.demands["demand"].to_list())
        self.bid = tuple(network.bids["bid"].to_list())
        self.supplier = tuple(network.suppliers["supplier"].to_list())
        self.resource = tuple(network.resources["resource"].to_list())
        self.period = tuple(network.periods["period"].to_list())
        self.consortium = tuple(network.consortia["consortium"].to_list())
        self.line = _names(network.demands["line"])
        self.bundle = _names(network.bids["bundle"])
        self.tier = tuple(str(i + 1) for i in range(int(np.diff(arrays.bids.tier_start).max())))
        self._tier_start = arrays.bids.tier_start

    def candidates(self, c: Candidates, rows: Index) -> tuple[tuple[Ints, tuple[str, ...]], ...]:
        """Label parts of candidates: demand, bid, mode, tier."""
        return (
            (c.demand[rows], self.demand),
            (c.bid[rows], self.bid),
            (c.mode[rows], MODES),
            (c.tier[rows] - self._tier_start[c.bid[rows]], self.tier),
        )

    def slots(
        self, resource: Index | Ints, period: Index | Ints
    ) -> tuple[tuple[Ints, tuple[str, ...]], ...]:
        """Label parts of resources in periods; a network without periods has but the resource."""
        parts = ((resource.astype(np.int32), self.resource), (period.astype(np.int32), self.period))
        return parts if self.period else parts[:1]


def award_limits(arrays: Arrays, c: Candidates, rules: tuple[Rule, ...]) -> tuple[Floats, Floats]:
    """Smallest and largest award of each candidate, as shares of its demand."""
    quantity = arrays.demands.quantity[c.demand]
    _, incumbent = keeps_incumbent(arrays, c)
    counted = (arrays.demands.min_suppliers[c.demand] > 1) | (incumbent >= 0).any(axis=0)
    for rule in rules:
        if rule.counts_awards:
            counted |= instances_of(arrays, c, rule).instance >= 0
    lower = np.maximum(c.lower / quantity, np.where(counted, MIN_COUNTED_SHARE, 0.0))
    upper = np.minimum(c.upper / quantity, 1.0)
    rows, resource, use = resource_use(arrays, c)
    period = arrays.demands.period[c.demand[rows]]
    room = arrays.periods.capacity[resource, period] * ramp_share(arrays, c.bid[rows], period)
    np.minimum.at(upper, rows, room / use)
    return lower, upper


def resource_use(arrays: Arrays, c: Candidates) -> tuple[Index, Ints, Floats]:
    """(candidate, resource, use by the whole demand) of every use of a resource."""
    usages = arrays.usages
    starts = np.searchsorted(usages.bid, np.arange(arrays.bids.supplier.size + 1))
    rows, offset = expand((starts[1:] - starts[:-1])[c.bid])
    usage = starts[c.bid[rows]] + offset
    use = usages.use_per_unit[usage] * arrays.demands.quantity[c.demand[rows]]
    return rows.astype(np.int64), usages.resource[usage], use


def shares_bid(c: Candidates) -> Bools:
    """Whether another candidate has the same demand and bid; candidates are sorted by both."""
    same = (c.demand[1:] == c.demand[:-1]) & (c.bid[1:] == c.bid[:-1])
    shared = np.zeros(c.size, dtype=np.bool_)
    shared[1:] |= same
    shared[:-1] |= same
    return shared


def distinct(group: Ints, value: Ints, num_groups: int) -> NDArray[np.int64]:
    """Number of distinct values in each group."""
    pairs = np.unique(np.stack([group, value]), axis=1)
    return np.bincount(pairs[0], minlength=num_groups)


def _names(cells: pl.Series) -> tuple[str, ...]:
    """The names that `matcher.network.arrays.numbered` numbers, in that order."""
    return tuple(cells.drop_nulls().unique().sort().to_list())
