"""How a module starts in a process of its own that loads what it needs, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The public face of a package loads all that it offers, which takes longer than many a solve or an
# upload: so the process begins with empty packages in the places of the real ones.
_BEGINNING = """
import runpy, sys, types
folder, packages, module, *sys.argv[1:] = sys.argv[1:]
for name in packages.split():
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [folder + "/" + name.replace(".", "/")]
runpy.run_module(module, run_name="__main__")
"""


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module as the main one, within empty packages.

    Parameters
    ----------
    module
        With its packages, as in ``matcher.engines.native``. These and ``matcher`` are empty; other
        packages that it imports are whole.
    """
    parts = module.split(".")
    packages = {"matcher"} | {".".join(parts[:n]) for n in range(1, len(parts))}
    folder = str(Path(__file__).parents[2])
    return [sys.executable, "-c", _BEGINNING, folder, " ".join(packages), module, *arguments]


def environment() -> dict[str, str]:
    """Environment of a process that is to find the modules that this one finds."""
    path = [entry or str(Path.cwd()) for entry in sys.path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
