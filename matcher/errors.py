"""Everything that can go wrong, as one tree.

::

    MatcherError
    ├── InputError          a network, plan or option is wrong; carries every issue found
    ├── LimitError          the input is larger than a limit of this machine or service
    ├── ServiceError        a service that was asked to solve is away or failed
    └── EngineError
        ├── EngineUnavailable   the engine is unknown, or its solver is not installed
        └── EngineCrashed       the solver process died before it gave any answer

Infeasible, time limit and cancelled are outcomes of a solve, never exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing wrong with an input: where it stands, what it is, and what would be right.

    Parameters
    ----------
    code
        Stable name of the kind of issue, such as ``dangling_id``.
    table
        File or sheet, such as ``demands.csv`` or ``demands``.
    row
        Row as a spreadsheet shows it: the header is row 1. ``None`` if the whole table is meant.
    column
        Column name; ``None`` if the whole row or table is meant.
    value
        The value found, as text; ``None`` if there is none.
    problem
        What is wrong, in a clause.
    fix
        What would be right, in a clause.
    severity
        ``error`` stops the reading; a ``warning`` is kept beside the network.
    """

    code: str
    table: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    problem: str
    fix: str
    severity: Severity = "error"

    @property
    def place(self) -> str:
        """Where the issue stands, such as ``demands.csv, row 7, column due``."""
        parts = [self.table]
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column is not None:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def __str__(self) -> str:
        value = "" if self.value is None else f" '{self.value}'"
        return f"{self.place}:{value} {self.problem}; {self.fix}"

    def to_dict(self) -> dict[str, object]:
        """The issue as plain JSON values."""
        return asdict(self)


class MatcherError(Exception):
    """Anything this package raises on purpose."""


class InputError(MatcherError):
    """The input is wrong. ``issues`` holds everything found, not just the first.

    Examples
    --------
    >>> import matcher
    >>> try:
    ...     matcher.read("examples/first-step")
    ... except matcher.InputError as error:
    ...     print(error.issues[0].problem)
    does not exist
    """

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


class LimitError(MatcherError):
    """The input is larger than a limit allows; the message names both."""


class ServiceError(MatcherError):
    """A service that was asked to solve could not be reached, or failed."""


class EngineError(MatcherError):
    """A solver could not be used."""


class EngineUnavailable(EngineError):
    """The engine is unknown, or its solver is not installed or not licensed."""


class EngineCrashed(EngineError):
    """The solver process died before it gave any answer."""
