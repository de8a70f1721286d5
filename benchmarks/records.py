"""Results as they are kept: one JSON object a line, appended as soon as there is one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.formats import wrong

Record = dict[str, Any]

_PACKAGES = ("supplier-matcher", "numpy", "scipy", "polars", "numba")
_SOLVERS = ("highspy", "ortools", "pyscipopt", "pulp")


def record(benchmark: str, result: Record, origin: Record) -> Record:
    """A result with what it is of and where it comes from."""
    return {"benchmark": benchmark, **origin, **result}


def origin() -> Record:
    """When, from which commit, on what machine and with which versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in (*_PACKAGES, *_SOLVERS)},
        },
    }


def append(path: Path, one: Record) -> None:
    """Add a line to a file; it need not exist."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")
    except OSError as error:
        raise wrong(path, f"cannot be written: {error.strerror}", "name another file") from None


def load(paths: Iterable[Path]) -> list[Record]:
    """The records of files, in their order."""
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise wrong(
                path, f"cannot be read: {error}", "give files that a benchmark's --json wrote"
            ) from None
    for each in found:
        if not isinstance(each, dict) or "benchmark" not in each:
            raise wrong(path, "holds a line that is no result", "give files that --json FILE wrote")
    return found


def _commit() -> str:
    """The commit of the checkout, with a plus if something in it was changed since."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
