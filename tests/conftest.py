"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from matcher.engines import keeping


@pytest.fixture(scope="session", autouse=True)
def _kept_solvers() -> Iterator[None]:
    """Solver processes are kept from test to test; tests about processes ask for fresh ones."""
    with keeping():
        yield
