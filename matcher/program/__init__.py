"""A neutral mixed-integer linear program: minimise c·x subject to rows and bounds.

It knows nothing of suppliers. Labels say what each row and column stands for; they are kept as
indices into shared vocabularies and only become text when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows or columns of one meaning.

    Parameters
    ----------
    name
        What they are, such as ``capacity`` or ``x``.
    size
        How many there are.
    keys
        For each part of the label, an index array of length ``size`` and the vocabulary it points
        into. Entry ``i`` is labelled ``name(vocabulary[index[i]],…)``.
    """

    name: str
    size: int
    keys: tuple[tuple[NDArray[np.int32], tuple[str, ...]], ...] = ()

    def labels(self) -> Iterator[str]:
        """The labels in order."""
        if not self.keys:
            for i in range(self.size):
                yield f"{self.name}({i})" if self.size > 1 else self.name
            return
        for i in range(self.size):
            parts = ",".join(vocabulary[index[i]] for index, vocabulary in self.keys)
            yield f"{self.name}({parts})"


@dataclass(frozen=True, slots=True)
class Program:
    """Minimise ``cost @ x + offset`` with ``row_lower <= matrix @ x <= row_upper`` and bounds.

    Parameters
    ----------
    cost, lower, upper, integer
        Per column, shape ``(n,)``; infinite bounds are ``±np.inf``; ``integer`` is boolean.
    matrix
        CSR array of shape ``(m, n)``.
    row_lower, row_upper
        Per row, shape ``(m,)``.
    row_segments, column_segments
        Labels, in order; their sizes add up to ``m`` and ``n``.
    offset
        Constant of the objective.
    """

    name: str
    cost: Floats
    matrix: csr_array
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    row_segments: tuple[Segment, ...]
    column_segments: tuple[Segment, ...]
    offset: float = 0.0

    def __post_init__(self) -> None:
        m, n = self.matrix.shape
        for label, array, size in (
            ("cost", self.cost, n),
            ("lower", self.lower, n),
            ("upper", self.upper, n),
            ("integer", self.integer, n),
            ("row_lower", self.row_lower, m),
            ("row_upper", self.row_upper, m),
        ):
            if array.shape != (size,):
                raise ValueError(f"{label} has shape {array.shape}, not ({size},)")
            if array.dtype != np.bool_ and np.isnan(array).any():
                raise ValueError(f"{label} holds NaN")
            array.setflags(write=False)
        if not np.isfinite(self.matrix.data).all() or not np.isfinite(self.cost).all():
            raise ValueError("the program holds NaN or infinite coefficients")
        if sum(segment.size for segment in self.row_segments) != m:
            raise ValueError("row segments do not add up to the rows")
        if sum(segment.size for segment in self.column_segments) != n:
            raise ValueError("column segments do not add up to the columns")

    @property
    def num_rows(self) -> int:
        """Number of rows, m."""
        return int(self.matrix.shape[0])

    @property
    def num_columns(self) -> int:
        """Number of columns, n."""
        return int(self.matrix.shape[1])

    def row_labels(self) -> list[str]:
        """Label of every row."""
        return [label for segment in self.row_segments for label in segment.labels()]

    def column_labels(self) -> list[str]:
        """Label of every column."""
        return [label for segment in self.column_segments for label in segment.labels()]

    def objective(self, x: Floats) -> float:
        """Objective value of ``x``."""
        return float(self.cost @ x + self.offset)

    def violation(self, x: Floats) -> float:
        """Largest violation of any row, bound or integrality by ``x``.

        Each is relative to ``max(1, |right-hand side|)``.
        """
        activity = self.matrix @ x
        worst = 0.0
        for lower, upper, value in (
            (self.row_lower, self.row_upper, activity),
            (self.lower, self.upper, x),
        ):
            for bound, excess in ((lower, lower - value), (upper, value - upper)):
                scale = np.maximum(1.0, np.abs(np.where(np.isfinite(bound), bound, 0.0)))
                worst = max(worst, float(np.max(excess / scale, initial=0.0)))
        fraction = np.abs(x - np.round(x))[self.integer]
        return max(worst, float(np.max(fraction, initial=0.0)))


def always_met(program: Program, upper: Floats) -> Bools:
    """Rows that no columns within their bounds can break."""
    least, most = reach(program, program.lower, upper)
    met: Bools = (least >= program.row_lower) & (most <= program.row_upper)
    return met


def never_met(program: Program, upper: Floats, tolerance: float) -> Bools:
    """Rows that any columns within their bounds break by more than ``tolerance``, relatively."""
    least, most = reach(program, program.lower, upper)
    low, high = program.row_lower, program.row_upper
    too_little = low - most > tolerance * np.maximum(np.abs(low), 1.0)
    too_much = least - high > tolerance * np.maximum(np.abs(high), 1.0)
    broken: Bools = too_little | too_much
    return broken


def reach(program: Program, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """The least and the most that each row can come to with columns between two bounds."""
    value = program.matrix.data
    row = np.repeat(np.arange(program.num_rows), np.diff(program.matrix.indptr))
    column = program.matrix.indices
    ends = []
    for low, high in ((lower, upper), (upper, lower)):
        bound = np.where(value > 0, low[column], high[column]) * value
        ends.append(np.bincount(row, weights=bound, minlength=program.num_rows))
    least, most = (end.astype(np.float64) for end in ends)
    return least, most
