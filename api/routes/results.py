"""Results: the plan in three formats, why and why not, and the judge."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from api.context import IfNoneMatch, Visit, answer, known, needs, tag_of
from api.problems import Problem, found, invalid, not_found
from api.routes.solves import RETRY_AFTER_S, SolveId, found_solve
from api.schemas import CheckIn, ExplanationOut, FindingOut, JudgementOut, WhyRow
from matcher.errors import InputError
from matcher.explain import explain_demand, explain_supplier
from matcher.judge import check
from matcher.network import Network
from matcher.plan import AWARD_SCHEMA, Plan, plan_from_dict
from matcher.report import to_xlsx
from matcher.report.summary import summarize
from worker import queries
from worker.access import Caller
from worker.jobs import ENDED

router = APIRouter(prefix="/v1", tags=["results"])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES = {"json": "application/json", "csv": "text/csv", "xlsx": XLSX}
# A workbook may look otherwise in another version.
_VERSION = version("supplier-matcher").encode()
Format = Literal["json", "csv", "xlsx"]
Key = Annotated[str, InPath(max_length=500, pattern=r"^[^\x00]+$")]

# A large network takes gigabytes when it is opened: few at once.
_AT_ONCE = threading.BoundedSemaphore(2)
_TURN_S = 20.0
# What a spreadsheet would take for a formula, or for the start of one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def _turn() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_TURN_S):
        raise Problem(
            429,
            "busy",
            "Other reports are being made; try again soon.",
            headers={"Retry-After": "5"},
        )
    try:
        yield
    finally:
        _AT_ONCE.release()


@router.get(
    "/solves/{solve_id}/result",
    responses={
        200: {
            "description": "The plan; for a supplier, its own awards.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/csv": {"schema": {"type": "string"}},
                XLSX: {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
)
def get_result(
    request: Request,
    solve_id: SolveId,
    visit: Annotated[Visit, needs("results.read")],
    format: Annotated[Format | None, Query(description="Before what Accept says.")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The plan as JSON, its awards as CSV, or the report as a workbook."""
    wanted = format or _accepted(request.headers.get("Accept", "*/*"))
    network_id, document = _document(visit, solve_id)
    if wanted == "xlsx" and visit.caller.only_supplier is not None:
        raise Problem(406, "not-acceptable", "Suppliers get their awards as JSON or CSV.")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    tag = tag_of(text, wanted.encode(), _VERSION)
    if (unchanged := known(tag, if_none_match)) is not None:
        return unchanged
    headers = {"ETag": tag, "Vary": "Accept"}
    if wanted == "json":
        return Response(text, media_type=_TYPES[wanted], headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="plan-{solve_id[:8]}.{wanted}"'
    if wanted == "csv":
        awards = _csv(document.get("awards", []))
        return Response(awards, media_type=_TYPES[wanted], headers=headers)
    with _turn():
        network = _network(visit, network_id)
        content = to_xlsx(summarize(network, _plan(document)))
    return Response(content, media_type=_TYPES[wanted], headers=headers)


@router.get("/solves/{solve_id}/explain/demands/{key:path}", response_model=ExplanationOut)
def explain_a_demand(
    solve_id: SolveId,
    key: Key,
    visit: Annotated[Visit, needs("explain.demand")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Who makes a demand, and why nobody else does."""
    return answer(_explained(visit, solve_id, "demand", key), if_none_match)


@router.get("/solves/{solve_id}/explain/suppliers/{key:path}", response_model=ExplanationOut)
def explain_a_supplier(
    solve_id: SolveId,
    key: Key,
    visit: Annotated[Visit, needs("explain.supplier")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What a supplier is awarded, and what it lacks for more."""
    if visit.caller.only_supplier not in (None, key):
        raise not_found("supplier")
    return answer(_explained(visit, solve_id, "supplier", key), if_none_match)


@router.post("/check", response_model=JudgementOut)
def judge(body: CheckIn, visit: Annotated[Visit, needs("check")]) -> Response:
    """Judge a plan, the service's or one made by hand, against a network."""
    with visit.read() as session:
        found(queries.network(session, visit.caller, body.network), "network")
    try:
        plan = plan_from_dict(body.plan)
    except InputError as error:
        raise invalid(error.issues, "/plan") from None
    with _turn():
        judgement = check(_network(visit, body.network), plan)
    told = judgement.to_dict()
    findings = [FindingOut(**finding) for finding in told.pop("findings")]
    return answer(JudgementOut(**told, findings=findings))


def _document(visit: Visit, solve_id: str) -> tuple[str, dict[str, Any]]:
    """Network and plan of a solve that has ended; a supplier's part of it for a supplier."""
    solve = found_solve(visit, solve_id)
    if solve.state not in ENDED:
        raise Problem(
            409,
            "not-ended",
            f"The solve is {solve.state}; the result is there when it has ended.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    with visit.read() as session:
        document = queries.plan(session, solve_id)
    if document is None:
        raise Problem(404, "no-plan", f"The solve has {solve.state} without a plan.")
    supplier = visit.caller.only_supplier
    if supplier is not None:
        own = [row for row in document.get("awards", []) if row["supplier"] == supplier]
        document = {"currency": document.get("currency"), "awards": own}
    return solve.network_id, document


def _network(visit: Visit, network_id: str) -> Network:
    with visit.read() as session:
        return queries.network_of(session, network_id)


def _plan(document: dict[str, Any]) -> Plan:
    try:
        return plan_from_dict(document)
    except InputError:
        raise Problem(
            409, "no-single-plan", "The solve holds several plans; look at one of its scenarios."
        ) from None


def _explained(
    visit: Visit, solve_id: str, kind: Literal["demand", "supplier"], key: str
) -> ExplanationOut:
    # A supplier's own gaps are measured against the whole plan, which it does not get to see.
    is_supplier = visit.caller.only_supplier is not None
    whole = replace(visit, caller=_as_agency(visit.caller)) if is_supplier else visit
    found_solve(visit, solve_id)
    network_id, document = _document(whole, solve_id)
    explain = explain_demand if kind == "demand" else explain_supplier
    with _turn():
        network = _network(visit, network_id)
        if key not in network.table(f"{kind}s")[kind]:
            raise not_found(kind)
        explanation = explain(network, _plan(document), key)
    rows = [WhyRow(**row) for row in explanation.rows.to_dicts()]
    if is_supplier:
        rows = [_without_rivals(row) for row in rows]
    return ExplanationOut(headline=explanation.headline, rows=rows)


def _as_agency(caller: Caller) -> Caller:
    return Caller(caller.key_id, caller.tenant_id, "agency", None)


def _without_rivals(row: WhyRow) -> WhyRow:
    """The row without what it tells of a competitor's cost."""
    if row.outcome != "beaten":
        return row.model_copy(update={"cost_difference": None})
    text = {
        "cost": "costs more per unit on arrival than what was awarded",
        "capacity": "its capacity is used up by other awards",
    }.get(row.reason or "", "passes every gate, but award sizes, rules or once-only costs decided")
    return row.model_copy(
        update={"cost_difference": None, "distance": None, "unit": None, "text": text}
    )


def _csv(awards: list[dict[str, Any]]) -> str:
    """Awards as CSV; a text that a spreadsheet would run begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(AWARD_SCHEMA)
    for award in awards:
        writer.writerow([_cell(award.get(column)) for column in AWARD_SCHEMA])
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _accepted(accept: str) -> Format:
    """The format that Accept likes best; JSON among equals."""
    best: tuple[float, Format] | None = None
    for format, kind in _TYPES.items():
        quality = max(
            (_quality(part) for part in accept.split(",") if _covers(part, kind)), default=0.0
        )
        if quality > 0 and (best is None or quality > best[0]):
            best = quality, format  # type: ignore[assignment]
    if best is None:
        raise Problem(406, "not-acceptable", f"The result comes as {', '.join(_TYPES.values())}.")
    return best[1]


def _covers(part: str, kind: str) -> bool:
    name = part.partition(";")[0].strip().lower()
    return name in (kind, "*/*", f"{kind.partition('/')[0]}/*", "")


def _quality(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
