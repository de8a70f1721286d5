"""Public instances: read as networks, solved, and held against their published optima.

The files are not part of the project. The folder that the environment variable MATCHER_INSTANCES
names is used, else ``../shared/instances`` beside the checkout; without either, the tests on public
files are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.families import (
    READERS,
    TOLERANCE,
    Instance,
    instances,
    read_cflp,
    read_gap,
    read_sscflp,
    score,
)
from matcher.arrays import to_arrays
from matcher.candidates import screen
from matcher.check import check
from matcher.errors import InputError
from matcher.network import Network
from matcher.solve import solve

FOLDER = Path(os.environ.get(
    "MATCHER_SHARED", Path(__file__).resolve().parents[2] / "shared" / "instances"))
