"""How the hot loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

KERNELS: list[Any] = []
"""Every compiled function, in the order in which they were defined."""


def compiled(function: F) -> F:
    """Compile, keep the result on disk, and let other threads run meanwhile."""
    return _compiled(function)


def compiled_plain(function: F) -> F:
    """The same for a function that makes no arrays: nobody counts who refers to its arguments.

    Counting took two thirds of the time of a move. The switch has no public name in Numba;
    without it everything runs as before, only slower.
    """
    return _compiled(function, _nrt=False)


def compiled_inline(function: F) -> F:
    """The same for a function that is put into those that call it.

    Handing over the many arrays of a plan takes longer than a move; so this took a third of it.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: F, **options: bool) -> F:
    decorate: Any = njit
    try:
        kernel = decorate(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        # There is no folder to keep it in: neither beside the module nor in the user's cache.
        kernel = decorate(nogil=True, **options)(function)
    KERNELS.append(kernel)
    return cast("F", kernel)
