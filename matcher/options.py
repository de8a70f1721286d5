"""The options of a solve: their units, defaults and limits, stated once.

`matcher.solve`, the command line and the service all take these. Whoever takes some of them only,
or allows less, builds on the types below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from matcher.errors import InputError, Issue

TimeLimit = Annotated[float, Field(gt=0, allow_inf_nan=False)]
GapLimit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Threads = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
MemoryLimit = Annotated[int, Field(gt=0)]

_FIX = {
    "time_limit_s": "give seconds above 0",
    "gap_limit": "give a share from 0 to 1",
    "engine": "give the name of an engine, such as auto",
    "threads": "give 1 or more",
    "seed": "give 0 or more",
    "memory_limit_bytes": "give bytes above 0, or None",
}
_OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than_equal", "finite_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveOptions:
    """When a solve has to end, who solves, and what it may use.

    Parameters
    ----------
    time_limit_s
        Wall-clock seconds after which the best plan so far is returned, with its bound.
    gap_limit
        Relative gap at which the search stops, from 0 to 1; 0 asks for proof to the last cent.
    engine
        Name of an engine; ``auto`` picks one.
    threads, seed
        Given to the solver.
    memory_limit_bytes
        Resident memory of the solver process at which the solve ends; ``None`` for no limit.
    """

    time_limit_s: TimeLimit = 60.0
    gap_limit: GapLimit = 1e-4
    engine: str = "auto"
    threads: Threads = 2
    seed: Seed = 0
    memory_limit_bytes: MemoryLimit | None = None

    def checked(self, others: Sequence[Issue] = ()) -> SolveOptions:
        """The options, if they make sense and there are no ``others`` wrong with the call.

        Raises
        ------
        InputError
            With every issue, the others first.

        Examples
        --------
        >>> SolveOptions(time_limit_s=0, gap_limit=0.01, threads=0).checked()
        Traceback (most recent call last):
        matcher.errors.InputError: solve, column time_limit_s: '0' is out of range; give seconds ...
        solve, column threads: '0' is out of range; give 1 or more
        """
        issues = list(others)
        checked = self
        try:
            checked = _VALIDATOR.validate_python(asdict(self))
        except ValidationError as error:
            issues += [_issue(each) for each in error.errors(include_url=False)]
        if issues:
            raise InputError(issues)
        return checked


_VALIDATOR = TypeAdapter(SolveOptions)


def _issue(error: ErrorDetails) -> Issue:
    name = str(error["loc"][0])
    is_number = error["type"] in _OUT_OF_RANGE
    return Issue(
        code="bad_option",
        table="solve",
        column=name,
        value=str(error["input"]),
        problem="is out of range" if is_number else "is of the wrong kind",
        fix=_FIX[name],
    )
