"""Scenario grids: one network, changed in several ways, each solved as a job of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from matcher.engines import engine as engine_named
from matcher.errors import EngineUnavailable, InputError, Issue
from matcher.network import Network
from matcher.read import network_from_tables
from matcher.schema.tables import BY_NAME, TABLES
from matcher.solve.merge import TELLING, WORSE
from matcher.status import SolutionStatus
from worker import jobs
from worker.jobs import Claim, Finished, Part, plans
from worker.jobs.options import StatedOptions
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import Solve

FORMAT = "matcher scenarios 1"
MOST = 100


class Scenario(BaseModel):
    """A change of a network: numeric columns times a factor; and options of its own.

    ``scale`` names columns as ``demands.quantity``. The result must be a valid network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scale: dict[str, Annotated[float, Field(gt=0, le=1000)]] = {}
    options: StatedOptions = StatedOptions()


_GRID = TypeAdapter(Annotated[list[Scenario], Field(min_length=1, max_length=MOST)])


def validated(scenarios: object) -> tuple[Scenario, ...]:
    """The scenarios of a request.

    Raises
    ------
    InputError
        With every issue; places are JSON pointers.

    Examples
    --------
    >>> validated([{"name": "dearer freight", "scale": {"lanes.cost": 1.2}}])
    Traceback (most recent call last):
    matcher.errors.InputError: scenarios, column /0/scale/lanes.cost: is no numeric column; ...
    """
    try:
        grid = _GRID.validate_python(scenarios)
    except ValidationError as error:
        raise InputError(
            [
                _issue(
                    "/" + "/".join(str(part) for part in found["loc"]),
                    None if isinstance(found["input"], dict | list) else str(found["input"]),
                    found["msg"][:1].lower() + found["msg"][1:],
                    'give a list of {"name", "scale", "options"}',
                )
                for found in error.errors()
            ]
        ) from None
    issues = [*_columns(grid), *_names(grid), *_engines(grid)]
    if issues:
        raise InputError(issues)
    return tuple(grid)


def _issue(pointer: str, value: str | None, problem: str, fix: str) -> Issue:
    return Issue(
        code="bad_scenario",
        table="scenarios",
        column=pointer,
        value=value,
        problem=problem,
        fix=fix,
    )


def _columns(grid: Sequence[Scenario]) -> list[Issue]:
    numeric = sorted(
        f"{table.name}.{column.name}"
        for table in TABLES
        for column in table.columns
        if column.kind == "number"
    )
    return [
        _issue(
            f"/{i}/scale/{column}", None, "is no numeric column", f"choose of {', '.join(numeric)}"
        )
        for i, scenario in enumerate(grid)
        for column in scenario.scale
        if column not in numeric
    ]


def _names(grid: Sequence[Scenario]) -> list[Issue]:
    seen: set[str] = set()
    issues = []
    for i, scenario in enumerate(grid):
        if scenario.name in seen:
            fix = "give each scenario a name of its own"
            issues.append(_issue(f"/{i}/name", scenario.name, "is the name of two scenarios", fix))
        seen.add(scenario.name)
    return issues


def _engines(grid: Sequence[Scenario]) -> list[Issue]:
    issues = []
    for i, scenario in enumerate(grid):
        name = scenario.options.engine
        if name is not None:
            try:
                engine_named(name)
            except EngineUnavailable as error:
                pointer = f"/{i}/options/engine"
                issues.append(_issue(pointer, name, str(error), "choose another engine"))
    return issues


def applied(network: Network, scenario: Scenario) -> Network:
    """The network as the scenario changes it.

    Raises
    ------
    InputError
        The changed network is not valid, such as a share above 1.
    """
    tables = {name: network.table(name) for name in BY_NAME}
    for place, factor in scenario.scale.items():
        table, _, column = place.partition(".")
        tables[table] = tables[table].with_columns(pl.col(column) * factor)
    name = f"{network.name} ({scenario.name})"
    tables["network"] = tables["network"].with_columns(name=pl.lit(name))
    try:
        return network_from_tables(tables)
    except InputError as error:
        raise InputError(
            [
                replace(each, table=f"scenario '{scenario.name}', {each.table}")
                for each in error.issues
            ]
        ) from None


def parts(
    network: Network, claimed: Claim, options: dict[str, Any], asked: object
) -> tuple[Part, ...]:
    """The jobs of a grid: its scenarios in order."""
    return tuple(
        Part(
            snapshots.prepare(
                applied(network, scenario), claimed.tenant_id, claimed.owner, claimed.network_id
            ),
            options | scenario.options.model_dump(exclude_none=True),
        )
        for scenario in validated(asked)
    )


def merged(database: Database, session: Session, claimed: Claim) -> jobs.End:
    """Put the results of all scenarios into a table; gives the write that ends the solve.

    A scenario that failed is a row that says why; if all have failed, so has the grid.
    """
    solved = jobs.parts_of(session, claimed.solve_id)
    asked = validated(claimed.options["scenarios"])
    if all(part.state == "failed" for part in solved):
        error = f"every scenario failed; '{asked[0].name}': {solved[0].error}"
        return partial(jobs.fail, database, claimed, error, solved[0].termination_reason)
    network = snapshots.load(session, claimed.network_id)
    rows = [_row(session, scenario, part) for scenario, part in zip(asked, solved, strict=True)]
    document = {
        "format": FORMAT,
        "network": network.name,
        "input_hash": network.input_hash,
        "currency": network.currency,
        "scenarios": rows,
    }
    reasons = [part.termination_reason for part in solved]
    found = Finished(
        solution_status=max((row["found"] for row in rows), key=WORSE.index),
        termination_reason=max((r for r in TELLING if r in reasons), key=TELLING.index),
        best=None,
        bound=None,
        gap=None,
        verdict=_verdict(network, rows),
        plan=plans.pack(document),
    )
    return partial(jobs.finish, database, claimed, found)


def _row(session: Session, scenario: Scenario, part: Solve) -> dict[str, Any]:
    document = plans.load(session, part.id) or {}
    found = part.solution_status if part.solution_status in get_args(SolutionStatus) else "none"
    return {
        "name": scenario.name,
        "scale": scenario.scale,
        "options": scenario.options.model_dump(exclude_none=True),
        "solve": part.id,
        "state": part.state,
        "found": found,
        "stopped": part.termination_reason,
        "best": part.best,
        "bound": part.bound,
        "gap": part.gap,
        "coverage": document.get("result", {}).get("coverage"),
        "verdict": part.verdict,
        "error": part.error,
    }


def _verdict(network: Network, rows: Sequence[dict[str, Any]]) -> str:
    planned = [row for row in rows if row["best"] is not None]
    text = f"{len(planned)} of {len(rows)} scenarios have a plan"
    if not planned:
        return f"{text}."
    least, most = (pick(planned, key=lambda row: row["best"]) for pick in (min, max))
    return (
        f"{text}, from {least['best']:,.2f} {network.currency} ('{least['name']}') "
        f"to {most['best']:,.2f} {network.currency} ('{most['name']}')."
    )
