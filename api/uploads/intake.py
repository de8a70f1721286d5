"""Uploads: read and checked in a child process with a memory limit, see `api.uploads.reading`.

A file that makes the child crash, or grow beyond its limit, takes nothing else along.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.problems import Problem, invalid
from api.uploads.reading import read_entries, read_upload
from matcher.engines.launch import command, environment
from matcher.errors import Issue
from worker.directory import Entry
from worker.directory.load import Ground
from worker.settings import Settings
from worker.store.models import NetworkSnapshot

# Content type of an upload to the suffix that the core reads.
SUFFIXES = {
    "application/json": ".json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/zip": ".zip",
}
# JSON of this size cannot grow into much, and is read here, without waiting for a child.
SMALL_BYTES = 2**18
# Entries are stored in one transaction, in which nobody else writes to SQLite.
MAX_ENTRIES_BYTES = 2**26
_TIMEOUT_S = 300.0
_log = logging.getLogger(__name__)
_AT_ONCE = threading.BoundedSemaphore(2)


def snapshot_of(path: Path, tenant_id: str, owner: str, settings: Settings) -> NetworkSnapshot:
    """The network in a file, ready to be stored.

    Raises
    ------
    Problem
        422 with every issue, or because the network is larger than the limits.
    """
    found = _found(path, settings, settings.max_pairs)
    if found["pairs"] > settings.max_pairs:
        raise Problem(
            422,
            "too-large",
            f"The network has {found['pairs']:,} demand–bid pairs; the limit is "
            f"{settings.max_pairs:,}. Split it, or give bids for single demands.",
        )
    return NetworkSnapshot(
        tenant_id=tenant_id,
        owner=owner,
        **found,
        content=path.with_name("content").read_bytes(),
        created_at=time.time(),
    )


def entries_of(path: Path, role: str, on: Ground, settings: Settings) -> list[Entry]:
    """The entries of the directory in a file, checked and ready to be stored.

    Raises
    ------
    Problem
        422 with every issue, or because they are too many for one transaction; 403 if the role may
        not write some of the tables.
    """
    path.with_name("ground.json").write_text(json.dumps(asdict(on)), encoding="utf-8")
    found = _found(path, settings)
    if "forbidden" in found:
        raise Problem(
            403,
            "forbidden",
            f"A key of the role {role} may not write {', '.join(found['forbidden'])}; "
            "leave these tables out.",
        )
    content = path.with_name("content")
    if content.stat().st_size > MAX_ENTRIES_BYTES:
        raise Problem(
            422,
            "too-large",
            f"The entries take {content.stat().st_size:,} bytes as JSON; the limit is "
            f"{MAX_ENTRIES_BYTES:,}. Send them in several files.",
        )
    with content.open(encoding="utf-8") as lines:
        return [Entry(**json.loads(line)) for line in lines]


def _found(path: Path, settings: Settings, *max_pairs: int) -> dict[str, Any]:
    """What is in a file, which has no issue: a network, or without ``max_pairs`` entries."""
    found: dict[str, Any] | None
    if path.suffix == ".json" and path.stat().st_size <= SMALL_BYTES:
        found = read_upload(path, *max_pairs) if max_pairs else read_entries(path)
    else:
        with _AT_ONCE:
            found = _in_child(path, settings, *max_pairs)
    if found is None:
        raise _refused(
            path.name,
            f"took more than {settings.max_memory_bytes:,} bytes or {_TIMEOUT_S:.0f} s to read, "
            "or is damaged",
            "send fewer rows, or Parquet instead of text",
        )
    if "issues" in found:
        raise invalid(Issue(**issue) for issue in found["issues"])
    return found


def _in_child(path: Path, settings: Settings, *max_pairs: int) -> dict[str, Any] | None:
    """What the child left; ``None`` if it died."""
    limits = (settings.max_memory_bytes, int(_TIMEOUT_S), *max_pairs)
    try:
        subprocess.run(
            command("api.uploads.reading", str(path), *map(str, limits)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TIMEOUT_S,
            env=environment(),
            check=True,
        )
        found: dict[str, Any] = json.loads(path.with_name("found.json").read_bytes())
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        said = getattr(error, "stderr", None) or b""
        _log.warning("Reading an upload failed: %s %s", error, said[-500:].decode(errors="replace"))
        return None
    return found


def _refused(name: str, problem: str, fix: str) -> Problem:
    return invalid([Issue(code="too_big", table=name, problem=problem, fix=fix)])
