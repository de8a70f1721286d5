"""How the hot loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile, keep the result on disk, and let other threads run meanwhile."""
    return cast("F", njit(cache=True, nogil=True)(function))


def compiled_plain(function: F) -> F:
    """The same for a function that makes no arrays: nobody counts who refers to its arguments.

    Counting took two thirds of the time of a move. The switch has no public name in Numba;
    without it everything runs as before, only slower.
    """
    decorate: Any = njit
    return cast("F", decorate(cache=True, nogil=True, _nrt=False)(function))


def compiled_inline(function: F) -> F:
    """The same for a function that is put into those that call it.

    Handing over the many arrays of a plan takes longer than a move; so this took a third of it.
    """
    decorate: Any = njit
    return cast("F", decorate(cache=True, nogil=True, forceinline=True, _nrt=False)(function))
