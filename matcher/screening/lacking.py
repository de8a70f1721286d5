"""Which standards pairs lack: the part of the gates that no column arithmetic tells, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from matcher.network.arrays import Bools, Ints


class Asked(NamedTuple):
    """What is asked of pairs: five columns of the pairs, then of the requirements.

    The standards asked of component ``c`` are ``standard[start[c]:start[c + 1]]``, each by a lead
    firm, or by all (-1); those ``of_others`` are not asked of an ``own_plant`` of the lead firm.
    """

    component: Ints
    firm: Ints
    due: Ints
    holder: Ints
    own_plant: Bools
    start: Ints
    standard: Ints
    by: Ints
    of_others: Bools


class Held(NamedTuple):
    """The certificates of suppliers: those of ``s`` are entries ``start[s]`` to ``start[s + 1]``.

    ``meets[a, b]`` tells whether holders of standard ``a`` meet ``b``.
    """

    start: Ints
    standard: Ints
    scope: Ints
    valid_from: Ints
    valid_to: Ints
    meets: Bools


@numba.njit(cache=True)
def _days_missed(pair: int, asking: int, asked: Asked, held: Held) -> int:
    """0 if met; the fewest days by which a certificate misses the due date; -1 if there is none."""
    supplier, due, standard = asked.holder[pair], asked.due[pair], asked.standard[asking]
    nearest = -1
    for i in range(held.start[supplier], held.start[supplier + 1]):
        is_other = held.scope[i] >= 0 and held.scope[i] != asked.component[pair]
        if is_other or not held.meets[held.standard[i], standard]:
            continue
        missed = max(0, due - held.valid_to[i], held.valid_from[i] - due)
        if missed == 0:
            return 0
        if nearest < 0 or missed < nearest:
            nearest = missed
    return nearest


@numba.njit(cache=True)
def _concerns(pair: int, asking: int, asked: Asked) -> bool:
    """Whether a requirement is by the lead firm of the pair, or by all, and of its supplier."""
    if asked.own_plant[pair] and asked.of_others[asking]:
        return False
    return bool(asked.by[asking] < 0 or asked.by[asking] == asked.firm[pair])


@numba.njit(cache=True)
def _is_asked(pair: int, asking: int, asked: Asked) -> bool:
    """Whether a requirement is for the pair; asked by all and by one firm, it counts once."""
    if not _concerns(pair, asking, asked):
        return False
    # Requirements are sorted, so that those of one standard stand together.
    before = asking - 1
    first = asked.start[asked.component[pair]]
    while before >= first and asked.standard[before] == asked.standard[asking]:
        if _concerns(pair, before, asked):
            return False
        before -= 1
    return True


@numba.njit(cache=True)
def num_lacking(asked: Asked, held: Held) -> Ints:
    """Number of standards that each pair lacks."""
    count = np.zeros(asked.component.size, dtype=np.int32)
    for p in range(count.size):
        component = asked.component[p]
        for r in range(asked.start[component], asked.start[component + 1]):
            if _is_asked(p, r, asked) and _days_missed(p, r, asked, held) != 0:
                count[p] += 1
    return count


@numba.njit(cache=True)
def lacking(size: int, asked: Asked, held: Held) -> tuple[Ints, Ints, Ints]:
    """Pair, standard and days missed (0 without a certificate) of every standard lacking."""
    row = np.empty(size, dtype=np.int32)
    standard = np.empty(size, dtype=np.int32)
    days = np.empty(size, dtype=np.int32)
    k = 0
    for p in range(asked.component.size):
        component = asked.component[p]
        for r in range(asked.start[component], asked.start[component + 1]):
            if not _is_asked(p, r, asked):
                continue
            missed = _days_missed(p, r, asked, held)
            if missed != 0:
                row[k], standard[k], days[k] = p, asked.standard[r], max(missed, 0)
                k += 1
    return row, standard, days
