"""The mathematics: from candidates and rules to a mixed-integer program, and back.

Quantities are shares of their demand, so that every coefficient is of order one:
``x_a`` is the share of demand d(a) awarded by candidate a, ``u_d`` the share left unmet. `RULES` is
the table of contents: one function a rule, each adding one labelled block of rows. The numbers in
brackets are those of docs/model.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack

from matcher.arrays import Arrays, Bools, Floats, Ints
from matcher.candidates import Candidates
from matcher.options import expand
from matcher.program import Block, Program
from matcher.rules import MIN_COUNTED_SHARE, Rule, SupplierCount, rules_of
from matcher.tables import MODES

# Shares below this are rounding noise of a solver, not awards.
NOISE = 1e-7

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Formulation:
    """A network's program, with what is needed to read a solution back.

    Parameters
    ----------
    program
        Its objective is landed cost, network currency.
    coverage
        Cost vector of the first objective: Σ priority × unmet share.
    candidates
        Those that have columns: ``x`` of candidate i is column i.
    y
        Column of each candidate's award decision; -1 where none is needed.
    z
        Column of each supplier's use; -1 where none is needed.
    u
        First column of the unmet shares, one a demand.
    multiple, step
        Column counting order multiples of each candidate (-1: none), and the share one makes.
    """

    program: Program
    coverage: Floats
    candidates: Candidates
    quantity: Floats
    y: Index
    z: Index
    u: int
    multiple: Index
    step: Floats

    def coverage_program(self) -> Program:
        """The program that minimises unmet demand alone."""
        return replace(self.program, cost=self.coverage, name="coverage")

    def cost_program(self, unmet: float) -> Program:
        """The program that minimises landed cost with coverage loss of at most ``unmet``."""
        program = self.program
        weight = float(self.coverage.sum())
        if unmet <= 1e-9 * max(1.0, weight):
            upper = program.upper.copy()
            upper[self.u:self.u + self.num_demands] = 0.0
            return replace(program, upper=upper, name="landed cost")
        row = csr_array(self.coverage.reshape(1, -1))
        limit = unmet + 1e-9 * max(1.0, unmet)
        return replace(
            program,
            name="landed cost",
            matrix=csr_array(vstack([program.matrix, row])),
            row_lower=np.append(program.row_lower, -np.inf),
            row_upper=np.append(program.row_upper, limit),
            row_blocks=(*program.row_blocks, Block("coverage", 1)),
        )

    def weighted_program(self) -> Program:
        """Both objectives in one: landed cost + weight × coverage loss.

        The weight is twice what the dearest award of a whole demand could cost with everything
        that comes with it, so no demand is left out to save money. Unlike the two steps of
        `coverage_program` and `cost_program` it may leave a sliver of a demand unmet where covering
        it would need one more award.
        """
        c, cost = self.candidates, self.program.cost
        dearest = np.maximum(cost[:c.size], 0.0) + c.fixed_cost
        used = self.z[c.supplier]
        dearest += np.where(used >= 0, cost[used], 0.0)
        lightest = self.coverage[self.coverage > 0].min(initial=np.inf)
        weight = 2.0 * float(dearest.max(initial=1.0)) / (
            lightest if np.isfinite(lightest) else 1.0)
        return replace(self.program, cost=cost + weight * self.coverage,
                       name="landed cost and coverage")

    @property
    def num_demands(self) -> int:
        """Number of demands."""
        return int(self.quantity.size)

    def empty(self) -> Floats:
        """The solution that awards nothing."""
        x = np.zeros(self.program.num_columns)
        x[self.u:self.u + self.num_demands] = 1.0
        return x

    def awards(self, x: Floats) -> tuple[Index, Floats]:
        """Candidates with an award in solution ``x``, and the quantities in units.

        A quantity within rounding noise of a limit of the candidate, of the whole demand or of a
        whole number of units, is that.
        """
        share = x[:self.candidates.size].copy()
        counted = self.multiple >= 0
        share[counted] = np.round(x[self.multiple[counted]]) * self.step[counted]
        rows = np.flatnonzero(share > NOISE)
        demand = self.candidates.demand[rows]
        quantity = share[rows] * self.quantity[demand]
        noise = NOISE * self.quantity[demand]
        for limit in (self.candidates.lower[rows], self.candidates.upper[rows],
                      self.quantity[demand], np.round(quantity)):
            quantity = np.where(np.abs(quantity - limit) <= noise, limit, quantity)
        return rows, quantity


class _Builder:
    """Collects columns and rows block by block. Row r of a block has entries (r, column, value)."""

    def __init__(self, arrays: Arrays, candidates: Candidates, rules: tuple[Rule, ...]) -> None:
        self.arrays = arrays
        self.candidates = candidates
        self.rules = rules
        self.num_columns = 0
        self.num_rows = 0
        self._columns: list[tuple[Floats, Floats, Floats, Bools]] = []
        self._column_blocks: list[Block] = []
        self._entries: list[tuple[Index, Index, Floats]] = []
        self._limits: list[tuple[Floats, Floats]] = []
        self._row_blocks: list[Block] = []
        self.keys = _Keys(arrays)

        self.quantity = arrays.demands.quantity
        self.lower, self.upper = _award_limits(arrays, candidates, rules)
        size = candidates.size
        demand = candidates.demand
        self.x = self.add_columns(
            Block("x", size, self.keys.candidates(candidates, np.arange(size))),
            cost=candidates.unit_cost * self.quantity[demand], upper=self.upper)
        self.y = self._decisions()
        self.z = self._uses()
        num_demands = self.quantity.size
        self.u = self.add_columns(
            Block("u", num_demands, ((np.arange(num_demands, dtype=np.int32), self.keys.demand),)),
            cost=np.zeros(num_demands), upper=np.ones(num_demands))
        self.multiple, self.step = self._multiples()

    def add_columns(self, block: Block, *, cost: Floats, upper: Floats,
                    integer: bool = False) -> Index:
        """Append columns with lower bound 0; gives their positions."""
        size = block.size
        self._columns.append((cost, np.zeros(size), upper, np.full(size, integer)))
        self._column_blocks.append(block)
        start, self.num_columns = self.num_columns, self.num_columns + size
        return np.arange(start, self.num_columns)

    def add_rows(self, block: Block, entries: list[tuple[Index, Index, Floats | float]],
                 lower: Floats | float, upper: Floats | float) -> None:
        """Append rows; ``entries`` are (row within the block, column, value) triples of arrays."""
        if block.size == 0:
            return
        for row, column, value in entries:
            self._entries.append((row + self.num_rows, column,
                                  np.broadcast_to(np.asarray(value, dtype=np.float64), row.shape)))
        self._limits.append((np.broadcast_to(np.asarray(lower, dtype=np.float64), (block.size,)),
                             np.broadcast_to(np.asarray(upper, dtype=np.float64), (block.size,))))
        self._row_blocks.append(block)
        self.num_rows += block.size

    def program(self, name: str) -> Program:
        """Everything collected, as a program."""
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        matrix = csr_array(coo_array((value, (row, column)),
                                     shape=(self.num_rows, self.num_columns)))
        cost, lower, upper, integer = (
            np.concatenate(parts) for parts in zip(*self._columns, strict=True))
        row_lower, row_upper = (
            np.concatenate(parts) for parts in zip(*self._limits, strict=True))
        return Program(name=name, cost=cost, matrix=matrix, row_lower=row_lower,
                       row_upper=row_upper, lower=lower, upper=upper, integer=integer,
                       row_blocks=tuple(self._row_blocks),
                       column_blocks=tuple(self._column_blocks))

    def presence(self, group: Index) -> tuple[Index, Index, Index]:
        """Columns that say whether a supplier has an award within a group of candidates.

        ``group`` is each candidate's group, -1 for none. Gives (column, group, supplier) of each
        pair that occurs. A pair with one candidate is told by that candidate's y; others get a
        binary w with y_a ≤ w ≤ Σ y_a.
        """
        rows = np.flatnonzero(group >= 0)
        num_suppliers = self.z.size
        code = group[rows] * num_suppliers + self.candidates.supplier[rows]
        pairs, first, member, count = np.unique(
            code, return_index=True, return_inverse=True, return_counts=True)
        column = self.y[rows[first]].copy()
        shared = np.flatnonzero(count > 1)
        supplier = pairs % num_suppliers
        if shared.size:
            label = supplier[shared].astype(np.int32)
            keys = ((label, self.keys.supplier),)
            column[shared] = self.add_columns(
                Block("w", shared.size, keys), cost=np.zeros(shared.size),
                upper=np.ones(shared.size), integer=True)
            at = np.flatnonzero(count[member] > 1)
            w, y = column[member[at]], self.y[rows[at]]
            each = np.arange(at.size)
            self.add_rows(Block("presence_each", at.size), [(each, y, 1.0), (each, w, -1.0)],
                          -np.inf, 0.0)
            position = np.full(pairs.size, -1)
            position[shared] = np.arange(shared.size)
            self.add_rows(
                Block("presence_any", shared.size, keys),
                [(np.arange(shared.size), column[shared], 1.0), (position[member[at]], y, -1.0)],
                -np.inf, 0.0)
        return column, pairs // num_suppliers, supplier

    def _decisions(self) -> Index:
        """Award decisions y, for the candidates whose award is more than a quantity."""
        c, demands = self.candidates, self.arrays.demands
        suppliers_bidding = _distinct(c.demand, c.supplier, demands.quantity.size)
        counted = (demands.min_suppliers > 1) | (demands.max_suppliers < suppliers_bidding)
        needed = (self.lower > 0) | (c.fixed_cost > 0) | counted[c.demand]
        needed |= _shares_bid(c) & ~self.arrays.bids.split[c.bid]
        for rule in self.rules:
            needed |= _in_scope(self.arrays, c, rule)
        rows = np.flatnonzero(needed)
        y = np.full(c.size, -1)
        y[rows] = self.add_columns(
            Block("y", rows.size, self.keys.candidates(c, rows)),
            cost=c.fixed_cost[rows], upper=np.ones(rows.size), integer=True)
        return y

    def _uses(self) -> Index:
        """Supplier use z, where onboarding costs something."""
        onboarding = self.arrays.suppliers.onboarding_cost
        bids = np.zeros(onboarding.size, dtype=np.bool_)
        bids[self.candidates.supplier] = True
        rows = np.flatnonzero(bids & (onboarding > 0))
        z = np.full(onboarding.size, -1)
        z[rows] = self.add_columns(
            Block("z", rows.size, ((rows.astype(np.int32), self.keys.supplier),)),
            cost=onboarding[rows], upper=np.ones(rows.size), integer=True)
        return z

    def _multiples(self) -> tuple[Index, Floats]:
        """Counts of order multiples, where a bid states one."""
        c = self.candidates
        step = self.arrays.bids.order_multiple[c.bid] / self.quantity[c.demand]
        rows = np.flatnonzero(step > 0)
        multiple = np.full(c.size, -1)
        multiple[rows] = self.add_columns(
            Block("k", rows.size, self.keys.candidates(c, rows)), cost=np.zeros(rows.size),
            upper=np.floor(self.upper[rows] / np.maximum(step[rows], 1e-300) + 1e-6), integer=True)
        return multiple, step


class _Keys:
    """Vocabularies for labels."""

    def __init__(self, arrays: Arrays) -> None:
        network = arrays.network
        self.demand = tuple(network.demands["demand"].to_list())
        self.bid = tuple(network.bids["bid"].to_list())
        self.supplier = tuple(network.suppliers["supplier"].to_list())
        self.resource = tuple(network.resources["resource"].to_list())
        self.tier = tuple(str(i + 1) for i in range(int(np.diff(arrays.bids.tier_start).max())))
        self._tier_start = arrays.bids.tier_start

    def candidates(self, c: Candidates, rows: Index) -> tuple[tuple[Ints, tuple[str, ...]], ...]:
        """Label parts of candidates: demand, bid, mode, tier."""
        return ((c.demand[rows], self.demand), (c.bid[rows], self.bid), (c.mode[rows], MODES),
                (c.tier[rows] - self._tier_start[c.bid[rows]], self.tier))


def demand_balance(b: _Builder) -> None:
    """(1) What is awarded and what is unmet add up to the demand: Σ x_a + u_d = 1."""
    d = b.quantity.size
    each = np.arange(d)
    b.add_rows(Block("demand", d, ((each.astype(np.int32), b.keys.demand),)),
               [(b.candidates.demand.astype(np.int64), b.x, 1.0), (each, b.u, 1.0)], 1.0, 1.0)


def award_size(b: _Builder) -> None:
    """(2) An award lies between its smallest and largest size: lower·y_a ≤ x_a ≤ upper·y_a."""
    rows = np.flatnonzero(b.y >= 0)
    each = np.arange(rows.size)
    keys = b.keys.candidates(b.candidates, rows)
    b.add_rows(Block("largest_award", rows.size, keys),
               [(each, b.x[rows], 1.0), (each, b.y[rows], -b.upper[rows])], -np.inf, 0.0)
    rows = rows[b.lower[rows] > 0]
    each = np.arange(rows.size)
    b.add_rows(Block("smallest_award", rows.size, b.keys.candidates(b.candidates, rows)),
               [(each, b.x[rows], 1.0), (each, b.y[rows], -b.lower[rows])], 0.0, np.inf)


def awards_forced(b: _Builder) -> None:
    """(2) What the largest award forces: with m = max upper and k = ⌈1/m⌉, Σ y_a ≥ k − u_d/r.

    With r = 1 − (k − 1)·m, the share left to a k-th award. It follows from the award sizes (fewer
    than k awards leave at least r unmet, and each further one saved leaves m ≥ r more), but no
    relaxation sees it: a 70 % share cap needs at least two suppliers.
    """
    c = b.candidates
    largest = np.zeros(b.quantity.size)
    np.maximum.at(largest, c.demand, b.upper)
    decided = np.ones(b.quantity.size, dtype=np.bool_)
    decided[c.demand[b.y < 0]] = False
    with np.errstate(divide="ignore"):
        fewest = np.ceil(1.0 / largest - NOISE)
    demands = np.flatnonzero(decided & (fewest > 1) & np.isfinite(fewest))
    rest = 1.0 - (fewest[demands] - 1.0) * largest[demands]
    position = np.full(b.quantity.size, -1)
    position[demands] = np.arange(demands.size)
    rows = np.flatnonzero(position[c.demand] >= 0)
    each = np.arange(demands.size)
    b.add_rows(Block("awards_forced", demands.size, ((demands.astype(np.int32), b.keys.demand),)),
               [(position[c.demand[rows]], b.y[rows], 1.0), (each, b.u[demands], 1.0 / rest)],
               fewest[demands], np.inf)


def order_multiple(b: _Builder) -> None:
    """(2) An award is a whole number of order multiples: x_a = step_a · k_a."""
    rows = np.flatnonzero(b.multiple >= 0)
    each = np.arange(rows.size)
    b.add_rows(Block("order_multiple", rows.size, b.keys.candidates(b.candidates, rows)),
               [(each, b.x[rows], 1.0), (each, b.multiple[rows], -b.step[rows])], 0.0, 0.0)


def share_cap(b: _Builder) -> None:
    """(2) A supplier with several candidates for a demand stays under the share cap in all."""
    c, cap = b.candidates, b.arrays.demands.share_cap
    code = c.demand.astype(np.int64) * b.z.size + c.supplier
    _, first, member, count = np.unique(
        code, return_index=True, return_inverse=True, return_counts=True)
    limited = (count > 1) & (cap[c.demand[first]] < 1)
    position = np.cumsum(limited) - 1
    rows = np.flatnonzero(limited[member])
    groups = first[limited]
    b.add_rows(
        Block("share_cap", groups.size,
              ((c.demand[groups], b.keys.demand), (c.supplier[groups], b.keys.supplier))),
        [(position[member[rows]], b.x[rows], 1.0)], -np.inf, cap[c.demand[groups]])


def one_tier_and_mode(b: _Builder) -> None:
    """(3) A demand–bid takes one tier and mode, unless the bid allows a split: Σ y_a ≤ 1."""
    c = b.candidates
    shared = np.flatnonzero(_shares_bid(c) & ~b.arrays.bids.split[c.bid])
    code = c.demand[shared].astype(np.int64) * b.arrays.bids.supplier.size + c.bid[shared]
    groups, first, member = np.unique(code, return_index=True, return_inverse=True)
    rows = shared[first]
    b.add_rows(
        Block("one_tier_and_mode", groups.size,
              ((c.demand[rows], b.keys.demand), (c.bid[rows], b.keys.bid))),
        [(member, b.y[shared], 1.0)], -np.inf, 1.0)


def capacity(b: _Builder) -> None:
    """(4) Awards fit into each resource: Σ ρ_ar q_d x_a ≤ K_r, or K_r z_s where z_s exists.

    Multiplying by z_s costs nothing in whole numbers and makes the relaxation tighter.
    """
    c, capacities = b.candidates, b.arrays.usages.capacity
    rows, resource, use = _resource_use(b.arrays, c)
    used, position = np.unique(resource, return_inverse=True)
    limit = capacities[used]
    scale = np.where(limit > 0, limit, 1.0)
    owner = np.full(used.size, -1)
    owner[position] = c.supplier[rows]
    z = b.z[owner]
    linked = np.flatnonzero(z >= 0)
    right = np.where(limit > 0, 1.0, 0.0)
    b.add_rows(
        Block("capacity", used.size, ((used.astype(np.int32), b.keys.resource),)),
        [(position, b.x[rows], use / scale[position]), (linked, z[linked], -right[linked])],
        -np.inf, np.where(z >= 0, 0.0, right))


def supplier_use(b: _Builder) -> None:
    """(5) An award needs the supplier to be onboarded: y_a ≤ z_s, or x_a ≤ upper·z_s without y."""
    z = b.z[b.candidates.supplier]
    for name, rows, column, size in (
        ("use", np.flatnonzero((z >= 0) & (b.y >= 0)), b.y, np.ones(b.x.size)),
        ("use_by_quantity", np.flatnonzero((z >= 0) & (b.y < 0)), b.x, b.upper),
    ):
        each = np.arange(rows.size)
        b.add_rows(Block(name, rows.size, b.keys.candidates(b.candidates, rows)),
                   [(each, column[rows], 1.0), (each, z[rows], -size[rows])], -np.inf, 0.0)


def suppliers_per_demand(b: _Builder) -> None:
    """(6) A demand is awarded to n_min to n_max suppliers, or to none at all.

    Σ_s w_ds ≤ n_max, and Σ_s w_ds ≥ n_min·w_ds for every s.
    """
    c, demands = b.candidates, b.arrays.demands
    bidding = _distinct(c.demand, c.supplier, demands.quantity.size)
    at_least, at_most = demands.min_suppliers > 1, demands.max_suppliers < bidding
    counted = (at_least | at_most)[c.demand]
    if not counted.any():
        return
    column, demand, supplier = b.presence(np.where(counted, c.demand, -1).astype(np.int64))
    limited = np.flatnonzero(at_most)
    position = np.full(demands.quantity.size, -1)
    position[limited] = np.arange(limited.size)
    at = np.flatnonzero(at_most[demand])
    b.add_rows(Block("most_suppliers", limited.size, ((limited.astype(np.int32), b.keys.demand),)),
               [(position[demand[at]], column[at], 1.0)], -np.inf,
               demands.max_suppliers[limited].astype(np.float64))
    at = np.flatnonzero(at_least[demand])
    # Row i speaks for presence at[i]; it counts every presence of the same demand.
    order = np.searchsorted(demand[at], demand[at], side="left")
    count = np.searchsorted(demand[at], demand[at], side="right") - order
    row, offset = expand(count)
    other = order[row] + offset
    b.add_rows(
        Block("fewest_suppliers", at.size,
              ((demand[at].astype(np.int32), b.keys.demand),
               (supplier[at].astype(np.int32), b.keys.supplier))),
        [(row.astype(np.int64), column[at][other], 1.0),
         (np.arange(at.size), column[at], -demands.min_suppliers[demand[at]].astype(np.float64))],
        0.0, np.inf)


def supplier_count_rules(b: _Builder) -> None:
    """(6) Stated numbers of suppliers over a group: n_min ≤ Σ_s w_gs ≤ n_max."""
    for rule in b.rules:
        scope = _in_scope(b.arrays, b.candidates, rule)
        column, _, _ = b.presence(np.where(scope, 0, -1).astype(np.int64))
        b.add_rows(
            Block(f"rule {rule.name}", 1), [(np.zeros(column.size, dtype=np.int64), column, 1.0)],
            -np.inf if rule.minimum is None else float(rule.minimum),
            np.inf if rule.maximum is None else float(rule.maximum))


RULES: tuple[Callable[[_Builder], None], ...] = (
    demand_balance,
    award_size,
    awards_forced,
    order_multiple,
    share_cap,
    one_tier_and_mode,
    capacity,
    supplier_use,
    suppliers_per_demand,
    supplier_count_rules,
)


def formulate(arrays: Arrays, candidates: Candidates) -> Formulation:
    """The program of a network.

    Candidates that another mode of the same demand, bid and tier beats in unit cost and in fixed
    cost get no column: nothing in the rules tells the two apart.
    """
    rules = rules_of(arrays.network.rules)
    kept = candidates.take(_undominated(candidates, arrays.bids.split[candidates.bid]))
    builder = _Builder(arrays, kept, rules)
    for rule in RULES:
        rule(builder)
    coverage = np.zeros(builder.num_columns)
    coverage[builder.u] = arrays.demands.priority
    return Formulation(
        program=builder.program(arrays.network.name), coverage=coverage, candidates=kept,
        quantity=builder.quantity, y=builder.y, z=builder.z, u=int(builder.u[0]),
        multiple=builder.multiple, step=builder.step)


def _award_limits(arrays: Arrays, c: Candidates, rules: tuple[Rule, ...]) -> tuple[Floats, Floats]:
    """Smallest and largest award of each candidate, as shares of its demand."""
    quantity = arrays.demands.quantity[c.demand]
    counted = arrays.demands.min_suppliers[c.demand] > 1
    for rule in rules:
        if rule.minimum:
            counted |= _in_scope(arrays, c, rule)
    lower = np.maximum(c.lower / quantity, np.where(counted, MIN_COUNTED_SHARE, 0.0))
    upper = np.minimum(c.upper / quantity, 1.0)
    rows, resource, use = _resource_use(arrays, c)
    np.minimum.at(upper, rows, arrays.usages.capacity[resource] / use)
    return lower, upper


def _resource_use(arrays: Arrays, c: Candidates) -> tuple[Index, Ints, Floats]:
    """(candidate, resource, use by the whole demand) of every use of a resource."""
    usages = arrays.usages
    starts = np.searchsorted(usages.bid, np.arange(arrays.bids.supplier.size + 1))
    rows, offset = expand((starts[1:] - starts[:-1])[c.bid])
    usage = starts[c.bid[rows]] + offset
    use = usages.use_per_unit[usage] * arrays.demands.quantity[c.demand[rows]]
    return rows.astype(np.int64), usages.resource[usage], use


def _in_scope(arrays: Arrays, c: Candidates, rule: SupplierCount) -> Bools:
    """Which candidates a rule speaks about."""
    if rule.scope == "network":
        return np.ones(c.size, dtype=np.bool_)
    network, demands = arrays.network, arrays.demands
    if rule.scope == "lead_firm":
        of, keys = demands.lead_firm[c.demand], network.lead_firms["lead_firm"]
    elif rule.scope == "component":
        of, keys = demands.component[c.demand], network.components["component"]
    else:
        of, keys = c.demand, network.demands["demand"]
    inside: Bools = of == keys.index_of(rule.of)
    return inside


def _undominated(c: Candidates, split: Bools) -> Index:
    """Candidates that no other of the same demand, bid and tier beats in both costs.

    A bid that may be split keeps all its modes: together they may carry more than one can.
    """
    order = np.lexsort((c.mode, c.fixed_cost, c.unit_cost, c.tier, c.bid, c.demand))
    same = np.zeros(c.size, dtype=np.bool_)
    same[1:] = ((c.demand[order][1:] == c.demand[order][:-1])
                & (c.bid[order][1:] == c.bid[order][:-1])
                & (c.tier[order][1:] == c.tier[order][:-1]))
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(c.size)))
    beaten = same & (c.fixed_cost[order] >= c.fixed_cost[order][leader]) & ~split[order]
    return np.sort(order[~beaten])


def _shares_bid(c: Candidates) -> Bools:
    """Whether another candidate has the same demand and bid; candidates are sorted by both."""
    same = (c.demand[1:] == c.demand[:-1]) & (c.bid[1:] == c.bid[:-1])
    shared = np.zeros(c.size, dtype=np.bool_)
    shared[1:] |= same
    shared[:-1] |= same
    return shared


def _distinct(group: Ints, value: Ints, num_groups: int) -> NDArray[np.int64]:
    """Number of distinct values in each group."""
    pairs = np.unique(np.stack([group, value]), axis=1)
    return np.bincount(pairs[0], minlength=num_groups)
