"""Pieces: parts of a program that share no row, to be solved apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from matcher.engines.decomposition.selection import Index
from matcher.engines.decomposition.structure import always_met
from matcher.program import Block, Floats, Program


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a program, and which of its columns it has."""

    program: Program
    columns: Index


def pieces_of(program: Program, upper: Floats) -> tuple[list[Piece], Floats]:
    """Split a program into pieces; also gives the columns that are in none, at their best.

    Parameters
    ----------
    upper
        Upper bounds of the columns; those at 0 hold nothing together, nor do rows that cannot be
        broken within these bounds.

    Returns
    -------
    pieces, rest
        ``rest`` has shape (columns,): the value of every column that is in no row, 0 elsewhere.
    """
    p = program
    entries = coo_array(p.matrix)
    there = (upper > 0)[entries.col] & ~always_met(p, upper)[entries.row]
    m, n = p.num_rows, p.num_columns
    row, column = entries.row[there], entries.col[there]
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, m + column)), (m + n, m + n))
    _, label = connected_components(graph, directed=False)
    used = np.zeros(n, dtype=np.bool_)
    used[column] = True
    found, of = np.unique(label[m:][used], return_inverse=True)
    rest = np.where(p.cost < 0, upper, p.lower)
    rest[used] = 0.0
    if found.size == 1 and used.all():
        return [Piece(p, np.arange(n))], np.zeros(n)
    used_columns = np.flatnonzero(used)
    columns = used_columns[np.argsort(of, kind="stable")]
    column_ends = np.searchsorted(np.sort(of), np.arange(found.size + 1))
    of_row = np.searchsorted(found, label[:m])
    of_row[~np.isin(label[:m], found)] = found.size
    rows = np.argsort(of_row, kind="stable")
    row_ends = np.searchsorted(of_row[rows], np.arange(found.size + 1))
    matrix = csr_array(p.matrix)
    pieces = []
    for k in range(found.size):
        c = columns[column_ends[k] : column_ends[k + 1]]
        r = rows[row_ends[k] : row_ends[k + 1]]
        pieces.append(
            Piece(
                replace(
                    p,
                    name=f"{p.name} ({k + 1} of {found.size})",
                    cost=p.cost[c],
                    matrix=csr_array(matrix[r][:, c]),
                    row_lower=p.row_lower[r],
                    row_upper=p.row_upper[r],
                    lower=p.lower[c],
                    upper=upper[c],
                    integer=p.integer[c],
                    row_blocks=(Block("row", r.size),),
                    column_blocks=(Block("column", c.size),),
                    offset=0.0,
                ),
                c,
            )
        )
    return pieces, rest
