"""The mathematics: from candidates and rules to a mixed-integer program, and back.

Quantities are shares of their demand, so that every coefficient is of order one:
``x_a`` is the share of demand d(a) awarded by candidate a, ``u_d`` the share left unmet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, vstack

from matcher.arrays import Arrays, Bools, Floats
from matcher.candidates import Candidates
from matcher.formulation.blocks import RULES
from matcher.formulation.builder import Builder, Index
from matcher.formulation.conflict import conflict
from matcher.program import Block, Program
from matcher.rules import Rule, rules_of

__all__ = ["RULES", "Formulation", "conflict", "formulate"]

# Shares below this are rounding noise of a solver, not awards.
NOISE = 1e-7


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
        program, lightest = self.program, self._lightest()
        if unmet <= 1e-9 * lightest:
            upper = program.upper.copy()
            upper[self.u : self.u + self.num_demands] = 0.0
            return replace(program, upper=upper, name="landed cost")
        row = csr_array(self.coverage.reshape(1, -1) / lightest)
        limit = unmet / lightest * (1.0 + 1e-9)
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

        Covering one whole demand more is worth more than all that a plan can cost: the dearest
        award of every demand, every supplier's onboarding. Unlike the two steps of
        `coverage_program` and `cost_program` it may leave a sliver of a demand unmet where covering
        it would need one more award.
        """
        c, cost = self.candidates, self.program.cost
        dearest = np.zeros(self.num_demands)
        np.maximum.at(dearest, c.demand, np.maximum(cost[: c.size], 0.0))
        everything = dearest.sum() + c.fixed_cost.sum() + cost[self.z[self.z >= 0]].sum()
        weight = (1.0 + float(everything)) / self._lightest()
        return replace(
            self.program, cost=cost + weight * self.coverage, name="landed cost and coverage"
        )

    def _lightest(self) -> float:
        """The smallest priority: what the least demand weighs in coverage."""
        return float(self.coverage[self.u : self.u + self.num_demands].min())

    @property
    def num_demands(self) -> int:
        """Number of demands."""
        return int(self.quantity.size)

    def empty(self) -> Floats:
        """The solution that awards nothing."""
        x = np.zeros(self.program.num_columns)
        x[self.u : self.u + self.num_demands] = 1.0
        return x

    def awards(self, x: Floats) -> tuple[Index, Floats]:
        """Candidates with an award in solution ``x``, and the quantities in units.

        A quantity within rounding noise of a limit of the candidate, of the whole demand or of a
        whole number of units, is that.
        """
        share = x[: self.candidates.size].copy()
        counted = self.multiple >= 0
        share[counted] = np.round(x[self.multiple[counted]]) * self.step[counted]
        rows = np.flatnonzero(share > NOISE)
        demand = self.candidates.demand[rows]
        quantity = share[rows] * self.quantity[demand]
        noise = NOISE * self.quantity[demand]
        for limit in (
            self.candidates.lower[rows],
            self.candidates.upper[rows],
            self.quantity[demand],
            np.round(quantity),
        ):
            quantity = np.where(np.abs(quantity - limit) <= noise, limit, quantity)
        return rows, quantity


def formulate(
    arrays: Arrays, candidates: Candidates, rules: tuple[Rule, ...] | None = None
) -> Formulation:
    """The program of a network, under all of its stated rules or those given.

    Candidates that another mode of the same demand, bid and tier beats in unit cost and in fixed
    cost get no column: nothing in the rules tells the two apart.
    """
    if rules is None:
        rules = rules_of(arrays.network.rules)
    kept = candidates.take(_undominated(candidates, arrays.bids.split[candidates.bid]))
    builder = Builder(arrays, kept, rules)
    for rule in RULES:
        rule(builder)
    coverage = np.zeros(builder.num_columns)
    coverage[builder.u] = arrays.demands.priority
    return Formulation(
        program=builder.program(arrays.network.name),
        coverage=coverage,
        candidates=kept,
        quantity=builder.quantity,
        y=builder.y,
        z=builder.z,
        u=int(builder.u[0]),
        multiple=builder.multiple,
        step=builder.step,
    )


def _undominated(c: Candidates, split: Bools) -> Index:
    """Candidates that no other of the same demand, bid and tier beats in both costs.

    A bid that may be split keeps all its modes: together they may carry more than one can.
    """
    order = np.lexsort((c.mode, c.fixed_cost, c.unit_cost, c.tier, c.bid, c.demand))
    same = np.zeros(c.size, dtype=np.bool_)
    same[1:] = (
        (c.demand[order][1:] == c.demand[order][:-1])
        & (c.bid[order][1:] == c.bid[order][:-1])
        & (c.tier[order][1:] == c.tier[order][:-1])
    )
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(c.size)))
    beaten = same & (c.fixed_cost[order] >= c.fixed_cost[order][leader]) & ~split[order]
    return np.sort(order[~beaten])
