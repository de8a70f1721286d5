"""When a stated figure is another than the judge's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.network.arrays import Bools
from matcher.tolerances import STATED


def off(claimed: float, actual: float) -> bool:
    """Whether a stated figure is not the computed one."""
    return not abs(claimed - actual) <= STATED * max(1.0, abs(actual))


def all_off(claimed: NDArray[Any], actual: NDArray[Any]) -> Bools:
    """Where stated figures are not the computed ones; one that is not stated (NaN) never is."""
    with np.errstate(invalid="ignore"):
        near = np.abs(claimed - actual) <= STATED * np.maximum(np.abs(actual), 1.0)
    differs: Bools = ~near & ~np.isnan(claimed)
    return differs
