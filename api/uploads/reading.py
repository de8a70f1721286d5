"""Reading one upload in a process of its own.

`api.uploads.intake` tells it FILE BYTES SECONDS [PAIRS].

With PAIRS, the most that it may have, it is a network; else entries of the directory, to be checked
against the ``ground.json`` beside the file. What was found is left there as well, in ``found.json``
and ``content``. This module imports little: every upload waits for it.
"""

from __future__ import annotations

import json
import resource
import sys
import zipfile
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from matcher.errors import InputError, Issue
from matcher.read import read
from worker.directory import load as bulk
from worker.store import snapshots

MAX_FILES = 100
MAX_UNPACKED_BYTES = 2**30
MAX_RATIO = 200
_ZIP = "send a zip of one .csv or .parquet file a table"


def read_upload(path: Path, max_pairs: int) -> dict[str, Any]:
    """What is in the file: its issues, or figures of its network.

    The packed network is left beside the file as ``content``; empty if it has too many pairs.
    """
    try:
        network = read(_tables(path))
    except InputError as error:
        return {"issues": [_of_upload(issue, path).to_dict() for issue in error.issues]}
    pairs = snapshots.count_pairs(network)
    content = b"" if pairs > max_pairs else snapshots.pack(network)
    path.with_name("content").write_bytes(content)
    return {
        "content_hash": network.input_hash,
        "name": network.name,
        "demands": network.demands.height,
        "suppliers": network.suppliers.height,
        "bids": network.bids.height,
        "pairs": pairs,
        "warnings": {"issues": [issue.to_dict() for issue in network.warnings]},
    }


def read_entries(path: Path) -> dict[str, Any]:
    """What is in the file: its issues, or tables that the caller may not write, or nothing.

    The entries are left beside the file as ``content``, a line of JSON each.
    """
    on = bulk.Ground(**json.loads(path.with_name("ground.json").read_bytes()))
    try:
        entries = bulk.entries(_tables(path), on)
    except InputError as error:
        return {"issues": [_of_upload(issue, path).to_dict() for issue in error.issues]}
    except bulk.NotTheirs as error:
        return {"forbidden": error.tables}
    with path.with_name("content").open("w", encoding="utf-8") as file:
        for entry in entries:
            file.write(json.dumps(asdict(entry)) + "\n")
    return {}


def _tables(path: Path) -> Path:
    """What the core reads: the file, or the folder that it is unpacked into."""
    return _unpacked(path) if path.suffix == ".zip" else path


def _of_upload(issue: Issue, path: Path) -> Issue:
    """The issue; one with the folder that a zip was unpacked into, as one with the zip."""
    if path.suffix == ".zip" and issue.code == "no_tables":
        return replace(issue, table=path.name, fix=_ZIP)
    return issue


def _unpacked(path: Path) -> Path:
    """The folder of tables that a zip holds, unpacked within the limits."""
    folder = path.with_name("tables")
    folder.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if _is_table(info)]
            if len(archive.infolist()) > MAX_FILES:
                raise _bad_zip(f"holds {len(archive.infolist())} files; the limit is {MAX_FILES}")
            left = MAX_UNPACKED_BYTES
            for info in infos:
                if info.flag_bits & 1:
                    raise _bad_zip(f"its {info.filename[:60]} is encrypted")
                if info.file_size > max(2**20, MAX_RATIO * info.compress_size):
                    raise _bad_zip(f"its {info.filename[:60]} unpacks to over {MAX_RATIO} times")
                target = folder / Path(info.filename).name
                if target.exists():
                    raise _bad_zip(f"holds {target.name[:60]} twice")
                # What an entry says of its size may be a lie: bytes are counted as they come.
                with archive.open(info) as source, target.open("wb") as file:
                    while chunk := source.read(2**20):
                        left -= len(chunk)
                        if left < 0:
                            raise _bad_zip(f"unpacks to over {MAX_UNPACKED_BYTES:,} bytes")
                        file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise _bad_zip(f"cannot be unpacked: {str(error)[:100]}") from None
    except (ValueError, RuntimeError, OverflowError) as error:
        raise _bad_zip(f"cannot be unpacked: {str(error)[:100]}") from None
    return folder


def _is_table(info: zipfile.ZipInfo) -> bool:
    """A file that is neither hidden nor the leavings of an archiver."""
    parts = Path(info.filename).parts
    return bool(parts) and not info.is_dir() and not any(p[0] in "._" for p in parts if p != "..")


def _bad_zip(problem: str) -> InputError:
    return InputError([Issue(code="bad_zip", table="network.zip", problem=problem, fix=_ZIP)])


def main(path: Path, memory_bytes: int, cpu_s: int, max_pairs: int | None = None) -> None:
    """Read the file within the limits of memory and processor time."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    found = read_entries(path) if max_pairs is None else read_upload(path, max_pairs)
    path.with_name("found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
