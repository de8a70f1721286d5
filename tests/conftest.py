"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from matcher.engines import keeping

# Tests of the service that mostly wait, for leases, grace periods and processes to come and go.
WAITING = {
    "test_api_serve",
    "test_cancel_times",
    "test_end_to_end",
    "test_in_flight",
    "test_kills",
    "test_store_away",
    "test_webhooks",
    "test_worker",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait go to one worker of several, so that the others keep the cores busy."""
    for item in items:
        if item.path.stem in WAITING:
            item.add_marker(pytest.mark.xdist_group("waiting"))


@pytest.fixture(scope="session", autouse=True)
def _kept_solvers() -> Iterator[None]:
    """Solver processes are kept from test to test; tests about processes ask for fresh ones."""
    with keeping():
        yield
