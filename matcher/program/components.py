"""Which rows and columns of a program hang together, so that they can be solved apart.

Apart from `matcher.program`, since each process that solves one loads that, and not this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from matcher.program import Floats, Program, always_met

Index = NDArray[np.int64]


def connected_components_of(program: Program, upper: Floats) -> tuple[Index, Index]:
    """The connected components of a program: their numbers, from 0, by row and by column.

    Parameters
    ----------
    upper
        Upper bounds of the columns; those at 0 hold nothing together, nor do rows that cannot be
        broken within these bounds. Such rows and columns are in no component, and have -1.
    """
    from scipy.sparse.csgraph import connected_components  # loads slowly

    entries = coo_array(program.matrix)
    there = (upper > 0)[entries.col] & ~always_met(program, upper)[entries.row]
    m, n = program.num_rows, program.num_columns
    row, column = entries.row[there], m + entries.col[there]
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, column)), (m + n, m + n))
    num, label = connected_components(graph, directed=False)
    held, in_one = np.zeros(m + n, dtype=np.bool_), np.zeros(num, dtype=np.bool_)
    held[row] = held[column] = True
    in_one[label[held]] = True
    number = np.where(held, np.cumsum(in_one)[label] - 1, -1)
    return number[:m], number[m:]
