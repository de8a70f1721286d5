"""What all tests share: which of them one worker runs in a row, and who keeps solver processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from matcher.engines import keeping

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

SERVICE = "service"
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
"""Files of the service whose tests wait for leases and processes more than they compute."""
SHARING = {"test_benchmarks", "test_rule_costs", "test_frontier"}
"""Files whose tests share what is dear to make."""
CASES = {"test_brute_force", "test_rules_brute_force"}
"""Files whose tests come by case and engine, where a case is dear to make."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out tests one by one, but what shares something dear together, and the longest first."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    return Together(config, log)


def together(nodeid: str) -> str:
    """What the tests have in common that one worker runs in a row."""
    path, _, name = nodeid.partition("::")
    file = PurePosixPath(path)
    if file.stem in WAITING:
        return "waiting"
    if file.parent.name == SERVICE or file.stem in SHARING:
        return path
    if file.stem in CASES:
        return f"{path}::{name.rpartition('-')[0]}"
    return nodeid


@pytest.fixture(scope="module", autouse=True)
def _kept_solvers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Solver processes are kept for the tests of a file, except where tests count processes."""
    if Path(request.path).parent.name == SERVICE or request.path.stem == "test_engine_endings":
        yield
        return
    with keeping():
        yield
