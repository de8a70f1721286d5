"""Blocks: parts of a program that share no row, to be solved apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.selection import Index
from matcher.program import Floats, Program, Segment
from matcher.program.components import connected_components_of

# Parts are bundled up to about so many columns: by itself each is soon solved, but there may be
# thousands.
_BUNDLE = 100


@dataclass(frozen=True, slots=True)
class DiagonalBlock:
    """A part of a program that shares no row with the rest, and which of its columns it has.

    The program's constant is in none.
    """

    program: Program
    columns: Index


def blocks_of(program: Program, upper: Floats) -> tuple[list[DiagonalBlock], Floats]:
    """Split a program into blocks, small ones bundled; also gives columns in none, at their best.

    Parameters
    ----------
    upper
        Upper bounds of the columns; those at 0 hold nothing together, nor do rows that cannot be
        broken within these bounds.

    Returns
    -------
    blocks, rest
        ``rest`` has shape (columns,): the value of every column that is in no row, 0 elsewhere.
    """
    p = program
    of_row, of = connected_components_of(p, upper)
    rest = np.where(p.cost < 0, upper, p.lower)
    rest[of >= 0] = 0.0
    of_row, of = _bundled(of_row, of)
    num = int(of.max(initial=-1)) + 1
    if num == 1 and (of >= 0).all():
        return [DiagonalBlock(replace(p, offset=0.0), np.arange(p.num_columns))], rest
    columns, rows = np.argsort(of, kind="stable"), np.argsort(of_row, kind="stable")
    column_ends = np.searchsorted(of[columns], np.arange(num + 1))
    row_ends = np.searchsorted(of_row[rows], np.arange(num + 1))
    matrix = csr_array(p.matrix)
    blocks = []
    for k in range(num):
        c = columns[column_ends[k] : column_ends[k + 1]]
        r = rows[row_ends[k] : row_ends[k + 1]]
        blocks.append(
            DiagonalBlock(
                replace(
                    p,
                    name=f"{p.name} ({k + 1} of {num})",
                    cost=p.cost[c],
                    matrix=csr_array(matrix[r][:, c]),
                    row_lower=p.row_lower[r],
                    row_upper=p.row_upper[r],
                    lower=p.lower[c],
                    upper=upper[c],
                    integer=p.integer[c],
                    row_segments=(Segment("row", r.size),),
                    column_segments=(Segment("column", c.size),),
                    offset=0.0,
                ),
                c,
            )
        )
    return blocks, rest


def _bundled(of_row: Index, of: Index) -> tuple[Index, Index]:
    """The number of each row's and column's block once small ones are bundled; -1 stays -1."""
    size = np.bincount(of[of >= 0])
    is_small = size <= _BUNDLE
    # Small ones are numbered by the columns before them; the others follow, one by one.
    before = np.cumsum(np.where(is_small, size, 0)) // _BUNDLE
    number = np.where(is_small, before, before.max(initial=0) + 1 + np.cumsum(~is_small))
    _, number = np.unique(number, return_inverse=True)
    number = np.append(number, -1)
    return number[of_row], number[of]
