"""Plans at rest: JSON documents, compressed."""

from __future__ import annotations

import json
import zlib
from typing import Any

from sqlalchemy.orm import Session

from matcher.plan import Plan
from worker.jobs import Finished
from worker.store.models import StoredPlan


def pack(document: dict[str, Any]) -> bytes:
    """A plan document as bytes for the store."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return zlib.compress(text.encode())


def unpack(content: bytes) -> dict[str, Any]:
    """The document that `pack` packed."""
    document: dict[str, Any] = json.loads(zlib.decompress(content))
    return document


def load(session: Session, solve_id: str) -> dict[str, Any] | None:
    """The plan document of a solve; ``None`` if it has none."""
    stored = session.get(StoredPlan, solve_id)
    return None if stored is None else unpack(stored.content)


def finished(plan: Plan) -> Finished:
    """What the store keeps of a plan."""
    result = plan.result
    assert result is not None
    return Finished(
        solution_status=result.solution_status,
        termination_reason=result.termination_reason,
        best=result.best,
        bound=result.bound,
        gap=result.gap,
        verdict=plan.verdict,
        plan=pack(plan.to_dict()),
    )
