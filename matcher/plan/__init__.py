"""The plan: who makes how much of what, when, at which landed cost, and how good that is."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import polars as pl
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)

from matcher import formatting
from matcher.errors import InputError, Issue
from matcher.formatting import count
from matcher.screening.landed_cost import TERMS
from matcher.status import SolutionStatus, TerminationReason, ending
from matcher.suggestions import Nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from matcher.network import Network

FORMAT: Final = "matcher plan 2"

AWARD_SCHEMA: dict[str, pl.DataType] = {
    "demand": pl.String(),
    "supplier": pl.String(),
    "bid": pl.String(),
    "component": pl.String(),
    "mode": pl.String(),
    "tier": pl.Int64(),
    "quantity": pl.Float64(),
    **{f"{term}_per_unit": pl.Float64() for term in TERMS},
    "landed_cost_per_unit": pl.Float64(),
    "landed_cost": pl.Float64(),
    "fixed_cost": pl.Float64(),
    "co2e_kg": pl.Float64(),
    "order_date": pl.Date(),
    "ship_date": pl.Date(),
    "arrival_date": pl.Date(),
    "slack_days": pl.Float64(),
}
SUPPLIER_SCHEMA: dict[str, pl.DataType] = {
    "supplier": pl.String(),
    "num_awards": pl.Int64(),
    "landed_cost": pl.Float64(),
    "onboarding_cost": pl.Float64(),
}
UNMET_SCHEMA: dict[str, pl.DataType] = {
    "demand": pl.String(),
    "quantity": pl.Float64(),
    "share": pl.Float64(),
    "reason": pl.String(),
}
RULE_SCHEMA: dict[str, pl.DataType] = {
    "rule": pl.String(),
    "of": pl.String(),
    "who": pl.String(),
    "actual": pl.Float64(),
    "min": pl.Float64(),
    "max": pl.Float64(),
    "missed": pl.Float64(),
    "penalty": pl.Float64(),
}


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Coverage(_Claim):
    """How much of the demand is left unmet: Σ priority × unmet share, the first objective."""

    unmet: float = Field(ge=0)
    bound: float = Field(ge=0)
    proven: bool


class Reached(_Claim):
    """What the plan has of an objective.

    ``value`` and ``bound`` are as people count: days, suppliers, network currency. No plan that is
    as good in the objectives before has less than ``bound``, or more where more is better.
    """

    objective: str
    value: float
    bound: float | None = None
    tolerance: float = 0.0
    proven: bool


class Correction(_Claim):
    """A limit of a rule that has to be another one: ``of`` and ``who`` name the instance."""

    rule: str
    of: str | None = None
    who: str | None = None
    limit: Literal["min", "max"]
    stated: float
    needed: float

    def __str__(self) -> str:
        about = ", ".join(part for part in (self.of, self.who) if part)
        where = f" for {about}" if about else ""
        verb = "lower" if self.needed < self.stated else "raise"
        return (
            f"{verb} the {self.limit} of rule '{self.rule}'{where} from {self.stated:,.6g} "
            f"to {self.needed:,.6g}"
        )


class CorrectionSet(_Claim):
    """Limits that, changed together, leave a plan; and what that plan would be.

    ``unmet`` is its coverage loss, ``cost`` its total in the plan's currency.
    """

    rules: tuple[Correction, ...]
    unmet: float
    cost: float

    def __str__(self) -> str:
        return " and ".join(str(rule) for rule in self.rules)


class Costs(_Claim):
    """Totals in the plan's currency; ``total`` is their sum and the plan's ``best``.

    ``discounts`` is 0 or less; ``penalties`` are the price of the targets that are missed.
    """

    landed: float
    fixed: float
    onboarding: float
    coordination: float = 0.0
    switching: float = 0.0
    discounts: float = 0.0
    penalties: float = 0.0
    total: float


class Result(_Claim):
    r"""What was found, why the search stopped, and what is proven.

    ``best`` is the cost of this plan, ``bound`` a proven lower bound on the cost of any plan that
    covers at least as much (of each part that shares nothing with the rest, unless coverage is
    proven), ``gap`` = \|best − bound\| / max(1e-10, \|best\|).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True
    )

    # Plans of the first format say `found`, `stopped` and `relaxations`.
    solution_status: SolutionStatus = Field(
        validation_alias=AliasChoices("solution_status", "found")
    )
    termination_reason: TerminationReason = Field(
        validation_alias=AliasChoices("termination_reason", "stopped")
    )
    coverage: Coverage | None = None
    objectives: tuple[Reached, ...] = ()
    costs: Costs | None = None
    best: float | None = None
    bound: float | None = None
    gap: float | None = None
    detail: str = ""
    correction_sets: tuple[CorrectionSet, ...] = Field(
        default=(), validation_alias=AliasChoices("correction_sets", "relaxations")
    )

    @property
    def found(self) -> SolutionStatus:
        """The solution status, by the name that scripts written before know it by."""
        return self.solution_status

    @property
    def stopped(self) -> TerminationReason:
        """The termination reason, by the name that scripts written before know it by."""
        return self.termination_reason


class Run(_Claim):
    """How the plan was made: all that is needed to make it again."""

    engine: str
    engine_version: str
    versions: dict[str, str]
    seed: int
    threads: int
    time_limit_s: float
    gap_limit: float
    candidates: int
    seconds: float


def _encodable(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("half of a surrogate pair is no character")
    return text


_JSON_TYPES: dict[pl.DataType, Any] = {
    pl.String(): Annotated[str, AfterValidator(_encodable)],
    pl.Int64(): Annotated[int, Field(ge=0, le=2**31)],
    pl.Float64(): float,
    pl.Date(): date,
}


def _row_model(name: str, schema: dict[str, pl.DataType], *required: str) -> type[_Claim]:
    """The JSON form of a row; what is not required may be left out."""
    columns: dict[str, Any] = {
        column: (_JSON_TYPES[dtype], ...)
        if column in required
        else (_JSON_TYPES[dtype] | None, None)
        for column, dtype in schema.items()
    }
    return create_model(name, __base__=_Claim, **columns)


_Award = _row_model("Award", AWARD_SCHEMA, "demand", "bid", "quantity")
_Supplier = _row_model("Supplier", SUPPLIER_SCHEMA, "supplier")
_Unmet = _row_model("Unmet", UNMET_SCHEMA, "demand", "quantity")
_RuleRow = _row_model("RuleRow", RULE_SCHEMA, "rule")


class _Document(_Claim):
    """A plan as JSON. Only ``awards`` is needed: what a person leaves out is not judged."""

    format: Literal["matcher plan 1", "matcher plan 2"] = FORMAT
    network: str | None = None
    input_hash: str | None = None
    currency: str | None = None
    result: Result | None = None
    run: Run | None = None
    awards: list[_Award]  # type: ignore[valid-type]
    suppliers: list[_Supplier] | None = None  # type: ignore[valid-type]
    unmet: list[_Unmet] | None = None  # type: ignore[valid-type]
    rules: list[_RuleRow] | None = None  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class Plan:
    """An award plan.

    Parameters
    ----------
    awards
        One row an award: keys, quantity in units, each landed-cost term per unit, totals in the
        plan's currency, dates. See ``AWARD_SCHEMA``.
    suppliers
        One row a supplier used, with its onboarding cost. ``None`` in a plan made by hand.
    unmet
        One row a demand that is not fully covered, with the reason. ``None`` in a plan made by
        hand.
    rules
        One row an instance of a rule: which demands (``of``) and suppliers (``who``) it is about,
        what they come to and by how much that misses a limit. ``None`` in a plan made by hand.
    result, run
        What is claimed of the plan, and how it was made. ``None`` in a plan made by hand.

    Examples
    --------
    >>> import matcher
    >>> plan = matcher.solve(matcher.read("examples/first-steps"))
    >>> plan.awards.select("demand", "supplier", "quantity").row(0)
    ('D1', 'S1', 14000.0)
    """

    awards: pl.DataFrame
    suppliers: pl.DataFrame | None = None
    unmet: pl.DataFrame | None = None
    rules: pl.DataFrame | None = None
    network: str | None = None
    input_hash: str | None = None
    currency: str | None = None
    result: Result | None = None
    run: Run | None = None

    @property
    def cost(self) -> float | None:
        """All that the plan costs, in its currency; ``None`` where it states no result."""
        return None if self.result is None else self.result.best

    @property
    def gap(self) -> float | None:
        """Relative gap to the proven bound on the cost; ``None`` where nothing is proven."""
        return None if self.result is None else self.result.gap

    @property
    def emissions_kg(self) -> float | None:
        """Emissions of all awards in kg CO₂e; ``None`` without awards or where one states none."""
        stated = self.awards["co2e_kg"]
        return None if self.awards.is_empty() or stated.null_count() else float(stated.sum())

    def on_profile_bids(self, network: Network) -> pl.DataFrame:
        """The awards of profile bids, whose prices and terms are indicative until they are quoted.

        Parameters
        ----------
        network
            The network that the plan is for.
        """
        indicative = network.bids.filter("profile").select("bid")
        return self.awards.join(indicative, on="bid", how="semi", maintain_order="left")

    def plot(self) -> Figure | None:
        """Landed cost by supplier, split into price and what is added; ``None`` without awards.

        Examples
        --------
        >>> import matcher
        >>> plan = matcher.solve(matcher.read("examples/first-steps"))
        >>> plan.plot().get_size_inches().round(1).tolist()
        [8.3, 1.9]
        """
        # By name: what draws stands above what is drawn.
        charts = importlib.import_module("matcher.report.charts")
        figure: Figure | None = charts.cost_by_supplier(self.awards, self.currency or "")
        return figure

    @property
    def missed(self) -> pl.DataFrame:
        """The instances of rules that the plan says it misses: targets, in a plan of the solver."""
        rules = pl.DataFrame(schema=RULE_SCHEMA) if self.rules is None else self.rules
        return rules.filter(pl.col("missed") > 0)

    @property
    def verdict(self) -> str:
        """The plan in one sentence."""
        if self.result is None:
            awards = count(self.awards.height, "award")
            return f"A plan with {awards}, made by hand: it states neither a cost nor a proof."
        return _verdict(self, self.result)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        document: dict[str, Any] = {"format": FORMAT}
        for name in ("network", "input_hash", "currency"):
            if getattr(self, name) is not None:
                document[name] = getattr(self, name)
        for name, part in (("result", self.result), ("run", self.run)):
            if part is not None:
                document[name] = part.model_dump(mode="json")
        for name, frame in (
            ("awards", self.awards),
            ("suppliers", self.suppliers),
            ("unmet", self.unmet),
            ("rules", self.rules),
        ):
            if frame is not None:
                document[name] = _rows(frame)
        return document

    def write(self, path: str | Path) -> None:
        """Write the plan as JSON."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.with_columns(pl.col(pl.Date).dt.to_string("iso")).to_dicts()
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def _verdict(plan: Plan, result: Result) -> str:
    if result.solution_status == "infeasible":
        found = f" ({result.detail})" if result.detail else ""
        cause = (
            "No plan exists: the mandatory rules contradict each other, or the bids cannot meet "
            f"them{found}."
        )
        ways = "; or ".join(
            f"{way} (total cost {way.cost:,.2f} {plan.currency}"
            + (", with unmet demand)" if way.unmet > 1e-6 else ")")
            for way in result.correction_sets
        )
        return f"{cause} What to change so that a plan exists: {ways}." if ways else cause
    if result.best is None or result.coverage is None:
        told = f": {result.detail}" if result.detail else ""
        why = ending(result.solution_status, result.termination_reason)
        return f"No plan was found ({why}){told}."
    unmet = 0 if plan.unmet is None else plan.unmet.height
    if plan.awards.is_empty():
        still_open = f"{count(unmet, 'demand')} {'remains' if unmet == 1 else 'remain'} unmet"
        if result.coverage.proven:
            return f"Nothing can be awarded; {still_open}. It is proven that no plan covers more."
        why = ending(result.solution_status, result.termination_reason)
        return f"Nothing was awarded ({why}); {still_open}. Allow the search more time or memory."
    money = f"{result.best:,.2f} {plan.currency}"
    used = plan.awards["supplier"].n_unique()
    covered = "every demand" if unmet == 0 else f"all but {count(unmet, 'demand')} in full"
    proof = "not proven optimal, as no lower bound was proven"
    if result.solution_status == "optimal":
        proof = "proven optimal"
    elif result.gap is not None and result.gap < 1:
        proof = (
            f"not proven optimal; at most {formatting.gap(result.gap)} of it could still be saved"
        )
    elif result.gap is not None:
        proof = "not proven optimal, as no useful lower bound was proven"
    if not result.coverage.proven:
        proof += "; more demand might be covered"
    if not plan.missed.is_empty():
        covered += f", missing {count(plan.missed.height, 'target')},"
    awards, suppliers = count(plan.awards.height, "award"), count(used, "supplier")
    verb = "covers" if plan.awards.height == 1 else "cover"
    return f"{awards} to {suppliers} {verb} {covered} at a total cost of {money}: {proof}."


def plan_from_dict(document: object, source: str = "plan") -> Plan:
    """A plan from JSON values, its own or made by hand.

    Raises
    ------
    InputError
        With every issue; places are JSON pointers, or rows and columns of a CSV file.
    """
    try:
        parsed = _Document.model_validate(document)
    except ValidationError as error:
        raise InputError([_issue(dict(found), source) for found in error.errors()]) from None
    return Plan(
        awards=_frame(parsed.awards, AWARD_SCHEMA),
        suppliers=None if parsed.suppliers is None else _frame(parsed.suppliers, SUPPLIER_SCHEMA),
        unmet=None if parsed.unmet is None else _frame(parsed.unmet, UNMET_SCHEMA),
        rules=None if parsed.rules is None else _frame(parsed.rules, RULE_SCHEMA),
        network=parsed.network,
        input_hash=parsed.input_hash,
        currency=parsed.currency,
        result=parsed.result,
        run=parsed.run,
    )


_PROBLEMS = {
    "missing": "is required and missing",
    "extra_forbidden": "is not known here",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "dict_type": 'is not an object, such as {"awards": []}',
    "model_type": 'is not an object, such as {"awards": []}',
    "model_attributes_type": 'is not an object, such as {"awards": []}',
}


def _issue(found: dict[str, Any], source: str) -> Issue:
    """What pydantic found, as an issue; a CSV file has rows and columns where JSON has a path."""
    place, row = found["loc"], None
    column = "/" + "/".join(str(part) for part in place)
    if source.lower().endswith(".csv") and len(place) == 3:
        row, column = int(place[1]) + 2, str(place[2])
    fix = "see docs/plan-format.md"
    if found["type"] == "extra_forbidden" and place[0] == "awards":
        fix = Nearest(AWARD_SCHEMA).fix(str(place[-1]), fix)
    problem = _PROBLEMS.get(found["type"], found["msg"][:1].lower() + found["msg"][1:])
    holds = found["type"] == "missing" or isinstance(found["input"], dict | list)
    value = None if holds else str(found["input"])
    return Issue(
        code="bad_plan", table=source, row=row, column=column, value=value, problem=problem, fix=fix
    )


def _frame(rows: list[Any], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([row.model_dump() for row in rows], schema=schema)
