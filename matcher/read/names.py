"""Which table a file, sheet or JSON member is."""

from __future__ import annotations

from matcher.schema.tables import BY_NAME
from matcher.suggestions import Nearest
from matcher.validate.findings import Findings

READ_ME = "Read me"
"""The sheet of the template that explains the others; it is no table."""

PLAN_SHEET = "Awards"
"""The sheet of a plan's workbook that holds its awards."""

PLAN_FORMAT = "matcher plan"
"""How the member ``format`` of a plan in JSON begins."""

_NEAR = 0.8
"""Similarity from which a name counts as a misspelt table: 'usage' for 'usages' is 0.92."""


def table_name(written: str, place: str, findings: Findings) -> str | None:
    """The table called ``written``; ``None``, with an issue, if there is none of that name.

    A name very near to a table's is an error, since a misspelt table would drop its rows unseen.
    """
    name = written.strip().casefold()
    if name in BY_NAME:
        return name
    nearest = Nearest(BY_NAME)
    near = nearest.find(name, cutoff=_NEAR)
    if near is not None:
        findings.add(
            "unknown_table",
            place,
            f"is not a known table, but is close to '{near}'",
            f"rename it to {near}, or to something else if it is not that table",
            value=written,
        )
    else:
        maybe = nearest.find(name, cutoff=0.0)
        findings.add(
            "unknown_table",
            place,
            "is not a known table and is ignored",
            f"rename it if it is meant to be a table; the nearest name is '{maybe}'",
            value=written,
            severity="warning",
        )
    return None


def plan_given(place: str, findings: Findings) -> None:
    """Say that what was given for a network is a plan."""
    findings.add(
        "plan_given",
        place,
        "is a plan, not a network",
        "give the network that it was made for; `matcher check NETWORK PLAN` judges a plan",
    )
