"""The page of the API in a real browser, under the policy that it is served with."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.api_world import new_store, world_on

_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)


def chromium() -> str:
    """A browser: of the variable CHROMIUM, on the PATH, or by apt where it may."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", "--quiet", *arguments], check=True, stdout=subprocess.DEVNULL
            )
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("no browser: install chromium, or name one in CHROMIUM")
    return found


def test_the_page_shows_every_operation(tmp_path: Path) -> None:
    browser = chromium()
    database, settings = new_store(tmp_path)
    with world_on(database, settings) as world:
        shown = subprocess.run(
            [
                browser,
                *_QUIET.split(),
                f"--user-data-dir={tmp_path / 'profile'}",
                "--virtual-time-budget=10000",
                "--dump-dom",
                f"{world.url}/docs",
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        ).stdout
        operations = sum(
            len(methods) for methods in world.client().get("/openapi.json").json()["paths"].values()
        )
    database.close()
    assert "Unable to render" not in shown
    assert shown.count('class="opblock-summary-method"') == operations
