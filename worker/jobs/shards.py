"""Sharding: a network that falls apart is solved in parts, on any worker, and merged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from matcher.judge import check
from matcher.network import Network
from matcher.network.split import subnetworks_of
from matcher.plan import AWARD_SCHEMA, SUPPLIER_SCHEMA, Coverage, Plan, Result
from matcher.plan import plan_from_dict as plan_of
from matcher.solve.merge import merge
from worker import jobs
from worker.jobs import Claim, Part, plans
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import Solve

# More parts than this only cost: each starts a solver and keeps a row, a network and a plan.
MOST_PARTS = 16
LEAST_TIME_S = 2.0


def parts(
    network: Network, claimed: Claim, options: dict[str, Any], settings: Settings
) -> tuple[Part, ...]:
    """The parts as which a network is to be solved; none if it is better solved whole.

    Each part gets the share of the time limit that it has of the demand–bid pairs, times the
    solves that the tenant may run side by side: with as many workers free, the whole keeps to its
    limit.
    """
    num_pairs = snapshots.count_pairs(network)
    if num_pairs <= settings.split_above_pairs:
        return ()
    at_most = min(MOST_PARTS, max(2, ceil(num_pairs / max(settings.split_above_pairs, 1))))
    networks = subnetworks_of(network, at_most=at_most)
    if len(networks) == 1:
        return ()
    limit_s = float(options["time_limit_s"])

    def time_of(part: Network) -> float:
        share = settings.max_running * snapshots.count_pairs(part) / num_pairs
        return min(limit_s, max(LEAST_TIME_S, limit_s * share))

    return tuple(
        Part(
            snapshots.prepare(part, claimed.tenant_id, claimed.owner, claimed.network_id),
            options | {"time_limit_s": time_of(part)},
        )
        for part in networks
    )


def merged(database: Database, session: Session, claimed: Claim) -> jobs.End:
    """Put the plans of all parts together; gives the write that ends the solve."""
    solved = jobs.parts_of(session, claimed.solve_id)
    for part in solved:
        if part.state == "failed":
            error = f"part {(part.part or 0) + 1} of {len(solved)} failed: {part.error}"
            return partial(jobs.fail, database, claimed, error, part.termination_reason)
    network = snapshots.load(session, claimed.network_id)
    networks = [snapshots.load(session, part.network_id) for part in solved]
    plan = merge(network, networks, _plans(session, solved, networks))
    return partial(jobs.finish, database, claimed, plans.finished(plan))


def _plans(session: Session, solved: Sequence[Solve], networks: Sequence[Network]) -> list[Plan]:
    documents = [plans.load(session, part.id) for part in solved]
    return [
        _unsearched(network) if document is None else plan_of(document)
        for network, document in zip(networks, documents, strict=True)
    ]


def _unsearched(network: Network) -> Plan:
    """The plan of a part that was cancelled before it began: no award.

    It costs what leaving incumbents and missing targets cost. Where a rule asks for awards that is
    no plan.
    """
    nothing = Plan(
        awards=pl.DataFrame(schema=AWARD_SCHEMA),
        suppliers=pl.DataFrame(schema=SUPPLIER_SCHEMA),
        unmet=network.demands.select(
            "demand",
            "quantity",
            share=pl.lit(1.0),
            reason=pl.lit("the solve was cancelled before this part of the network was begun"),
        ),
        network=network.name,
        input_hash=network.input_hash,
        currency=network.currency,
    )
    judged = check(network, nothing)
    found = Result(
        solution_status="feasible",
        termination_reason="cancelled",
        coverage=Coverage(unmet=judged.unmet, bound=0.0, proven=False),
        costs=judged.costs,
        best=judged.costs.total,
    )
    return replace(
        nothing,
        result=found
        if judged.ok
        else Result(solution_status="none", termination_reason="cancelled"),
    )
