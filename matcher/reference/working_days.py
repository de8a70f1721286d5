"""Working days: the weekends and public holidays of economies."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# More public holidays than any economy has, as a share of its working days.
_HOLIDAYS_SHARE = 0.25


def calendar_days(economies: NDArray[np.object_], working_days: Floats, start: date) -> Floats:
    """Calendar days from ``start`` until so many working days have passed after it.

    Parameters
    ----------
    economies
        ISO 3166-1 alpha-2, shape (leads,).
    working_days
        At least 0, shape (leads,); a part of a day counts as a day.

    Returns
    -------
    numpy.ndarray
        Shape (leads,). An economy without a known calendar works from Monday to Friday.

    Notes
    -----
    Holidays: package ``holidays`` (MIT), national ones; weekends too, which are Friday and Saturday
    in some economies.

    Examples
    --------
    Fifteen working days from Friday, 6 February 2026, lead across Tet to 6 March:

    >>> calendar_days(np.array(["VN", "US"]), np.array([15.0, 15.0]), date(2026, 2, 6)).tolist()
    [28.0, 24.0]
    """
    days = np.zeros(working_days.shape)
    whole = np.ceil(working_days).astype(np.int64)
    for economy in np.unique(economies.astype(str)):
        rows = np.flatnonzero(economies == economy)
        span = int(whole[rows].max() * 7 / 5 * (1 + _HOLIDAYS_SHARE)) + 30
        last = (start + timedelta(days=span)).year
        closed, weekmask = _calendar(economy, start.year, last)
        # Not a working day itself, the start counts as the working day before it.
        begin = np.busday_offset(start, 0, roll="preceding", weekmask=weekmask, holidays=closed)
        end = np.busday_offset(begin, whole[rows], weekmask=weekmask, holidays=closed)
        days[rows] = np.maximum((end - np.datetime64(start)).astype(np.int64), 0)
    return days


@cache
def _calendar(economy: str, first: int, last: int) -> tuple[list[date], list[bool]]:
    """Public holidays of some years, and which days of the week are worked, Monday first."""
    import holidays  # loads slowly

    try:
        known = holidays.country_holidays(economy, years=range(first, last + 1))
    except NotImplementedError:
        return [], [True] * 5 + [False] * 2
    return sorted(known), [day not in known.weekend for day in range(7)]
