"""Bodies of requests and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.problems import IssueOut, issue_out
from matcher.errors import Issue
from worker import directory
from worker.access import Caller, Role
from worker.jobs import scenarios
from worker.jobs.options import StatedOptions
from worker.store.models import (
    ApiKey,
    AuditEntry,
    DirectoryEntry,
    Event,
    NetworkSnapshot,
    Solve,
    Webhook,
)

Item = TypeVar("Item")
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Cell = str | int | float | bool | list[str] | None
Rows = list[dict[str, Cell]]
State = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]


class In(BaseModel):
    """Base of what clients send: nothing is guessed or passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Out(BaseModel):
    """Base of what the service answers."""

    model_config = ConfigDict(extra="forbid")


def at(seconds: float) -> datetime:
    """The store's seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC)


class Page(Out, Generic[Item]):
    """Some items, and the cursor of the next page if there is one."""

    items: list[Item]
    next: str | None = None


class NetworkOut(Out):
    """An immutable network; sending an equal one again gives the same id."""

    id: str
    name: str
    lead_firm: str | None = Field(description="Whose it is; null: the tenant's.")
    content_hash: str = Field(description="SHA-256 of its tables, whatever the file format.")
    demands: int
    suppliers: int
    bids: int
    pairs: int = Field(description="Demand–bid pairs.")
    warnings: list[IssueOut]
    created_at: datetime

    @classmethod
    def of(cls, row: NetworkSnapshot) -> NetworkOut:
        """The stored network as JSON."""
        return cls(
            id=row.id,
            name=row.name,
            lead_firm=row.owner or None,
            content_hash=row.content_hash,
            demands=row.demands,
            suppliers=row.suppliers,
            bids=row.bids,
            pairs=row.pairs,
            warnings=[issue_out(Issue(**issue)) for issue in row.warnings["issues"]],
            created_at=at(row.created_at),
        )


class SolveOptionsIn(In, StatedOptions):
    """Limits and engine of a solve; /v1/limits states the largest values."""

    engine: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9:_.-]{1,60}$")] | None = None
    memory_limit_bytes: int | None = Field(default=None, ge=64 * 2**20)
    scenarios: list[dict[str, Any]] | None = Field(
        default=None,
        min_length=1,
        max_length=scenarios.MOST,
        description="Variants of the network, solved apart: name, scale (numeric columns such as "
        "demands.quantity times a factor), options.",
    )


class SolveIn(In):
    """What to solve: a stored network, or the living directory as it is now."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["network"]}, {"required": ["directory"]}]}
    )

    network: Id = Field(default="", description="Id of a network.")
    directory: Literal[True] | None = Field(
        default=None,
        description="Match all open requests of the directory now.",
        json_schema_extra={"type": "boolean", "const": True},
    )
    options: SolveOptionsIn = SolveOptionsIn()


class SolveOut(Out):
    """A solve: what it is doing, what was found, and why it stopped, apart from each other."""

    id: str
    network: str | None
    lead_firm: str | None
    options: dict[str, Any]
    state: State
    solution_status: Literal["optimal", "feasible", "infeasible", "none"] | None
    termination_reason: str | None = Field(
        description="proved, gap_limit, time_limit, cancelled, memory_limit or crashed."
    )
    best: float | None = Field(description="Cost of the best plan, in the network's currency.")
    bound: float | None = Field(description="Proven lower bound on the cost of any plan.")
    gap: float | None
    verdict: str | None
    error: str | None
    attempts: int
    parts: int | None = Field(description="Independent parts that it was split into.")
    num_events: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Solve, caller: Caller) -> SolveOut:
        """The stored solve as JSON; a supplier learns of its state only."""
        is_open = caller.only_supplier is None
        return cls(
            id=row.id,
            network=row.network_id if is_open else None,
            lead_firm=(row.owner or None) if is_open else None,
            options=row.options if is_open else {},
            state=row.state,  # type: ignore[arg-type]
            solution_status=row.solution_status,  # type: ignore[arg-type]
            termination_reason=row.termination_reason,
            best=row.best if is_open else None,
            bound=row.bound if is_open else None,
            gap=row.gap if is_open else None,
            verdict=row.verdict if is_open else None,
            error=row.error if is_open else None,
            attempts=row.attempts,
            parts=row.parts if is_open else None,
            num_events=row.num_events if is_open else 0,
            created_at=at(row.created_at),
            started_at=None if row.started_at is None else at(row.started_at),
            finished_at=None if row.finished_at is None else at(row.finished_at),
        )


class EventOut(Out):
    """Something that happened to a solve, numbered from 1 without a hole."""

    seq: int
    at: datetime
    kind: str
    data: dict[str, Any]

    @classmethod
    def of(cls, row: Event) -> EventOut:
        """The stored event as JSON."""
        return cls(seq=row.seq, at=at(row.at), kind=row.kind, data=row.data)


class Events(Out):
    """Events of a solve in order, and whether more may come."""

    items: list[EventOut]
    is_complete: bool


class Incumbent(Out):
    """A best plan so far: when it was found, its cost, and the bound of that moment."""

    seconds: float
    best: float
    bound: float | None


class Incumbents(Out):
    """Best costs so far, the newest last."""

    items: list[Incumbent]


class WhyRow(Out):
    """What decided a demand–bid pair; see `matcher.why`."""

    demand: str
    supplier: str
    bid: str
    outcome: str
    mode: str | None
    landed_cost_per_unit: float | None
    cost_difference: float | None
    quantity: float | None
    reason: str | None
    distance: float | None
    unit: str | None
    standard: str | None
    text: str | None


class ExplanationOut(Out):
    """The answer in a sentence, and the pairs behind it, the nearest to an award first."""

    headline: str
    rows: list[WhyRow]


class CheckIn(In):
    """A plan to judge against a stored network; see docs/plan-format.md."""

    network: Id
    plan: dict[str, Any] = Field(
        json_schema_extra={
            "required": ["awards"],
            "properties": {"awards": {"type": "array", "items": {"type": "object"}}},
        }
    )


class FindingOut(Out):
    """One fault of a plan."""

    code: str
    about: str
    message: str
    claimed: float | str | None = None
    actual: float | str | None = None


class JudgementOut(Out):
    """What the judge says: every fault, and what the plan costs and covers in truth."""

    ok: bool
    verdict: str
    unmet: float
    num_open: int
    costs: dict[str, float]
    findings: list[FindingOut]


class SupplierIn(In):
    """A supplier's profile: rows of these tables. What names its supplier may leave it out."""

    suppliers: Rows = Field(min_length=1, max_length=1)
    certificates: Rows = []
    resources: Rows = []
    bids: Rows = []
    usages: Rows = []
    tiers: Rows = []
    discounts: Rows = []
    capacities: Rows = []
    ramps: Rows = []


class RequestIn(In):
    """A sourcing request: demands, and the standards its lead firm asks for."""

    demands: Rows = Field(min_length=1)
    requirements: Rows = []
    is_open: bool = True


class RuleIn(In):
    """A rule: one row. What names it may be left out; demands are called request:demand."""

    rules: Rows = Field(min_length=1, max_length=1)


class SharedIn(In):
    """Tables that all suppliers and requests refer to."""

    network: Rows = Field(min_length=1, max_length=1)
    lead_firms: Rows = Field(min_length=1)
    places: Rows = Field(min_length=1)
    components: Rows = Field(min_length=1)
    standards: Rows = []
    lanes: Rows = []
    duties: Rows = []
    rates: Rows = []
    trade_costs: Rows = []
    incumbents: Rows = []
    consortia: Rows = []
    periods: Rows = []
    objectives: Rows = []


class EntryOut(Out):
    """An entry of the directory."""

    key: str
    lead_firm: str | None
    is_open: bool
    version: int
    updated_at: datetime
    tables: dict[str, Rows]

    @classmethod
    def of(cls, row: DirectoryEntry, caller: Caller) -> EntryOut:
        """The stored entry as JSON."""
        tables = row.body if row.kind != "shared" else directory.shared_for(caller, row.body)
        return cls(
            key=row.key,
            lead_firm=row.lead_firm,
            is_open=row.is_open,
            version=row.version,
            updated_at=at(row.updated_at),
            tables=tables,
        )


class Counts(Out):
    """How many entries an import has made, and put in place of others."""

    created: int = 0
    replaced: int = 0


class ImportOut(Out):
    """What an import has stored, by kind of entry."""

    shared: Counts = Field(default_factory=Counts)
    suppliers: Counts = Field(default_factory=Counts)
    requests: Counts = Field(default_factory=Counts)
    rules: Counts = Field(default_factory=Counts)

    def count(self, kind: str, *, is_new: bool) -> None:
        """Count one entry."""
        counts: Counts = getattr(self, kind if kind == "shared" else f"{kind}s")
        counts.created += is_new
        counts.replaced += not is_new


class KeyIn(In):
    """A key to make. lead_firm and supplier speak for the one that ``subject`` names."""

    name: Name
    role: Role
    subject: Name | None = None
    expires_in_days: float | None = Field(default=None, gt=0, le=3650)


class KeyOut(Out):
    """A key, without its text."""

    id: str
    name: str
    prefix: str
    role: str
    subject: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: ApiKey, **more: Any) -> KeyOut:
        """The stored key as JSON."""
        return cls(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            role=row.role,
            subject=row.subject,
            created_at=at(row.created_at),
            expires_at=None if row.expires_at is None else at(row.expires_at),
            revoked_at=None if row.revoked_at is None else at(row.revoked_at),
            **more,
        )


class NewKey(KeyOut):
    """A key just made; ``key`` is shown this once."""

    key: str


class WebhookIn(In):
    """An address that is told of every solve that ends."""

    url: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,1990}$")]


class WebhookOut(Out):
    """A webhook, without its secret."""

    id: str
    url: str
    lead_firm: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: Webhook, **more: Any) -> WebhookOut:
        """The stored webhook as JSON."""
        return cls(
            id=row.id,
            url=row.url,
            lead_firm=row.owner or None,
            created_at=at(row.created_at),
            **more,
        )


class NewWebhook(WebhookOut):
    """A webhook just made; ``secret`` signs its messages and is shown this once."""

    secret: str


class AuditOut(Out):
    """Who did what to what."""

    id: str
    at: datetime
    key: str | None
    action: str
    target: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEntry) -> AuditOut:
        """The stored entry as JSON."""
        return cls(
            id=row.id,
            at=at(row.at),
            key=row.key_id,
            action=row.action,
            target=row.target,
            detail=row.detail,
        )


class LimitsOut(Out):
    """What the service allows, and how much of the queue is taken."""

    max_upload_bytes: int
    max_pairs: int
    max_time_limit_s: float
    max_memory_bytes: int
    max_threads: int
    max_queued: int
    max_running: int
    queued: int
    requests_per_minute: int


class Health(Out):
    """Whether the process lives or is ready."""

    status: str
