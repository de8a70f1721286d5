"""The mathematics: from candidates and rules to a mixed-integer program, and back.

Quantities are shares of their demand, so that every coefficient is of order one:
``x_a`` is the share of demand d(a) awarded by candidate a, ``u_d`` the share left unmet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, vstack

from matcher.formulation.builder import Builder, Index
from matcher.formulation.concerned import starts_vehicles
from matcher.formulation.constraints import RULES
from matcher.formulation.objectives import LinearObjective, linear_objectives
from matcher.network.arrays import Arrays, Bools, Floats
from matcher.program import Program, Segment
from matcher.program.components import connected_components_of
from matcher.schema.objectives import COST, COVERAGE, Stage, stages_of
from matcher.schema.rules import Rule, rules_of
from matcher.screening.candidates import Candidates
from matcher.tolerances import NOISE, ROUNDING

__all__ = ["RULES", "Formulation", "LinearObjective", "formulate"]


@dataclass(frozen=True, slots=True)
class Formulation:
    """A network's program, with what is needed to read a solution back.

    Parameters
    ----------
    program
        Its objective is landed cost, network currency.
    objectives
        What is minimised, in order; the first is coverage, Σ priority × unmet share.
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
    objectives: tuple[LinearObjective, ...]
    candidates: Candidates
    quantity: Floats
    y: Index
    z: Index
    u: int
    multiple: Index
    step: Floats

    def coverage_program(self) -> Program:
        """The program that minimises unmet demand alone."""
        return replace(self.program, cost=self._coverage(), offset=0.0, name=COVERAGE.name)

    def cost_program(self, unmet: float) -> Program:
        """The program that minimises landed cost with coverage loss of at most ``unmet``."""
        return self.keeping(replace(self.program, name=COST.name), self.objectives[0], unmet)

    def minimising(
        self, number: int, reached: Sequence[float], covering: Floats | None = None
    ) -> Program:
        """The program that minimises an objective while those before it keep what they reached.

        Parameters
        ----------
        number
            Which objective.
        reached
            Values of the first objectives, in order; each may be missed by its tolerance and
            rounding.
        covering
            The solution found for the first objective, if that is coverage: then each connected
            component of the program covers no less than it does there, and they stay apart. What
            covers most is among these solutions; all that cover as much in sum are only if it is
            proven.
        """
        program, objective = self.program, self.objectives[number]
        program = replace(
            program, cost=objective.cost, offset=objective.offset, name=objective.name
        )
        for kept, value in zip(self.objectives, reached, strict=False):
            allowed = kept.tolerance * abs(value) + kept.rounding
            is_lost = kept.name == COVERAGE.name and value > self._none_lost()
            if is_lost and covering is not None and allowed == 0:
                program = self._covering(program, kept, covering)
            else:
                program = self.keeping(program, kept, value + allowed)
        return program

    def _covering(self, program: Program, objective: LinearObjective, x: Floats) -> Program:
        """The program with the coverage loss of each of its components limited to that of ``x``.

        Where the sum of their losses is the least possible, so is each of them.
        """
        u = np.arange(self.u, self.u + self.num_demands)
        _, part = connected_components_of(self.program, self.program.upper)
        part = part[u] + 1  # 0 is no part: what may not be left unmet at all
        loss = np.bincount(part, objective.cost[u] * np.maximum(x[u], 0.0)).astype(np.float64)
        is_lost = loss > self._none_lost()
        upper = program.upper.copy()
        upper[u[~is_lost[part]]] = 0.0
        mine = np.flatnonzero(is_lost[part])
        entries = (objective.cost[u[mine]], (np.cumsum(is_lost)[part[mine]] - 1, u[mine]))
        rows = csr_array(entries, shape=(int(is_lost.sum()), program.num_columns))
        return _limited(
            replace(program, upper=upper), rows, loss[is_lost], self._lightest(), objective.name
        )

    def keeping(self, program: Program, objective: LinearObjective, most: float) -> Program:
        """The program with the value of an objective limited to ``most``.

        A solver's rounding is left to it, or the plan that reached the value might not count.
        """
        if objective.name == COVERAGE.name and most <= self._none_lost():
            upper = program.upper.copy()
            upper[self.u : self.u + self.num_demands] = 0.0
            return replace(program, upper=upper)
        scale = (
            self._lightest()
            if objective.name == COVERAGE.name
            else float(np.abs(objective.cost).max())
        )
        if scale == 0:
            return program
        row = csr_array(objective.cost.reshape(1, -1))
        return _limited(program, row, np.array([most - objective.offset]), scale, objective.name)

    def weighted_program(self) -> Program:
        """Both objectives in one: landed cost + weight × coverage loss.

        Covering one whole demand more is worth more than all that a plan can cost or save: the
        dearest award of every demand, and the most that every other column can. Unlike the two
        steps of `coverage_program` and `cost_program` it may leave a sliver of a demand unmet where
        covering it would need one more award.
        """
        c, program = self.candidates, self.program
        cost, dearest = program.cost, np.zeros(self.num_demands)
        np.maximum.at(dearest, c.demand, np.abs(cost[: c.size]))
        others = c.size + np.flatnonzero(cost[c.size :])
        most = np.abs(cost[others]) @ (program.upper - program.lower)[others]
        weight = (1.0 + float(dearest.sum() + most)) / self._lightest()
        return replace(
            self.program, cost=cost + weight * self._coverage(), name="landed cost and coverage"
        )

    def _none_lost(self) -> float:
        """A coverage loss up to which all counts as covered: a solver's rounding."""
        return ROUNDING * self._lightest()

    def _lightest(self) -> float:
        """The smallest priority: what the least demand weighs in coverage."""
        return float(self._coverage()[self.u : self.u + self.num_demands].min())

    def _coverage(self) -> Floats:
        return next(
            objective.cost for objective in self.objectives if objective.name == COVERAGE.name
        )

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
    arrays: Arrays,
    candidates: Candidates,
    rules: tuple[Rule, ...] | None = None,
    stages: tuple[Stage, ...] | None = None,
) -> Formulation:
    """The program of a network, under its stated rules and objectives or those given.

    Candidates that another mode of the same demand, bid and tier beats in unit cost and in fixed
    cost get no column, unless a rule or an objective looks at their days or emissions.
    """
    if rules is None:
        rules = rules_of(arrays.network.rules)
    if stages is None:
        stages = stages_of(arrays.network.objectives)
    if not _looks_beyond_cost(rules, stages):
        candidates = candidates.take(_undominated(candidates, arrays.bids.split[candidates.bid]))
    builder = Builder(arrays, candidates, rules, stages)
    for rule in RULES:
        rule(builder)
    objectives = linear_objectives(builder, stages)  # they may add columns to the program
    return Formulation(
        program=builder.program(arrays.network.name),
        objectives=objectives,
        candidates=candidates,
        quantity=builder.quantity,
        y=builder.y,
        z=builder.z,
        u=int(builder.u[0]),
        multiple=builder.multiple,
        step=builder.step,
    )


def _limited(program: Program, rows: csr_array, most: Floats, scale: float, name: str) -> Program:
    """The program with further rows, each of at most so much; all are divided by ``scale``."""
    limit = most / scale
    return replace(
        program,
        matrix=csr_array(vstack([program.matrix, rows / scale])),
        row_lower=np.append(program.row_lower, np.full(limit.size, -np.inf)),
        row_upper=np.append(program.row_upper, limit + ROUNDING * np.abs(limit)),
        row_segments=(*program.row_segments, Segment(name, limit.size)),
    )


def _looks_beyond_cost(rules: tuple[Rule, ...], stages: tuple[Stage, ...]) -> bool:
    """Whether a slower or dirtier mode may be better or worse than its costs tell."""
    return any(
        rule.kind == "working_capital" or rule.metric == "emissions" for rule in rules
    ) or any(
        objective.name in ("delivery_slack", "emissions")
        for stage in stages
        for objective in stage.objectives
    )


def _undominated(c: Candidates, split: Bools) -> Index:
    """Candidates that no other of the same demand, bid and tier beats in both costs.

    A bid that may be split keeps all its modes: together they may carry more than one can. What
    starts several vehicles is kept and beats nothing, as its fixed cost depends on the quantity.
    """
    loaded = starts_vehicles(c)
    order = np.lexsort((c.mode, c.fixed_cost, c.unit_cost, loaded, c.tier, c.bid, c.demand))
    same = np.zeros(c.size, dtype=np.bool_)
    same[1:] = (
        (c.demand[order][1:] == c.demand[order][:-1])
        & (c.bid[order][1:] == c.bid[order][:-1])
        & (c.tier[order][1:] == c.tier[order][:-1])
        & ~loaded[order][1:]
    )
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(c.size)))
    beaten = same & (c.fixed_cost[order] >= c.fixed_cost[order][leader]) & ~split[order]
    return np.sort(order[~beaten])
