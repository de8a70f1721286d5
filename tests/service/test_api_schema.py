"""schemathesis over the whole OpenAPI document: all its checks, and no 5xx."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import matcher
from tests.service.api_world import World, new_store, rows, world_on
from tests.service.test_api_access import put_directory, put_rule

EXAMPLES = os.environ.get("MATCHER_SCHEMA_EXAMPLES", "3")
# A body may have the right shape and name what is not there, or state a date that is none: 422,
# or 409 or 412 as things stand. A cut or compressed body is a 400 or a 415.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = [
  "2xx", "304", "401", "403", "404", "406", "409", "412", "413", "415", "422", "429"
]

[parameters]
"path.network_id" = "{network}"
"path.solve_id" = "{solve}"
"path.key" = "D1"

[[operations]]
include-name = "DELETE /v1/solves/{{solve_id}}"
parameters = {{ "path.solve_id" = "{other}" }}

# A name within a solve may be wrong though the solve is there.
[[operations]]
include-path-regex = "/explain/"
checks = {{ ensure_resource_availability = {{ enabled = false }} }}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database, settings = new_store(tmp_path, max_upload_bytes=2**20, max_queued=10_000)
    with world_on(database, settings, works=True) as world:
        yield world
    database.close()


def test_every_operation_keeps_the_document(world: World, tmp_path: Path) -> None:
    key = world.key("admin")
    small = matcher.read("examples/first-steps")
    put_directory(world, small)
    request = {"demands": rows(small, "demands")}
    assert world.client().put("/v1/requests/D1", json=request).status_code == 201
    put_rule(world, "D1")
    document = world.client().get("/openapi.json").json()
    network = world.upload(small)
    solve, other = world.solved(network), world.solved(network)
    config = CONFIG.format(network=network, solve=solve, other=other)
    (tmp_path / "schemathesis.toml").write_text(config)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(tmp_path / "schemathesis.toml")),
            *(
                "run",
                f"{world.url}/openapi.json",
                "--checks",
                "all",
                "--seed",
                os.environ.get("MATCHER_SCHEMA_SEED", "1"),
            ),
            *("--header", f"Authorization: Bearer {key}"),
            *("--max-examples", EXAMPLES, "--generation-database", "none", "--no-color"),
            *("--request-timeout", "30"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    operations = sum(len(each) for each in document["paths"].values())
    assert f"Tested: {operations}\n" in run.stdout, run.stdout[-3_000:]
