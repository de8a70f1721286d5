"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.families import Score, scores
from benchmarks.gates import FEWEST_PAIRS, MOST_PAIRS, PAIRS, Gates, gates
from matcher.errors import MatcherError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; 0 if its target is reached, 1 if not, 2 if the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except MatcherError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("gates", help="gate and cost demand–bid pairs on one core")
    one.add_argument(
        "--pairs", type=_num_pairs, default=PAIRS, help="how many (default %(default)s)"
    )
    one.set_defaults(run=_gates)

    other = commands.add_parser("families", help="public instances against best known values")
    other.add_argument(
        "folder", type=Path, help="a folder of a family, or one that holds such folders"
    )
    other.add_argument("--engine", default="highs", help="default %(default)s")
    other.add_argument(
        "--time-limit",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds for each instance (default %(default)s)",
    )
    other.add_argument(
        "--gap", type=float, default=1e-6, help="relative gap to stop at (default %(default)s)"
    )
    other.add_argument("--threads", type=int, default=2, help="default %(default)s")
    other.set_defaults(run=_families)
    for each in (one, other):
        each.add_argument(
            "--seeds",
            type=int,
            nargs="+",
            default=[0],
            metavar="SEED",
            help="run once for each (default 0)",
        )
        each.add_argument("--json", action="store_true", help="one JSON list, for machines")
    return parser


def _num_pairs(text: str) -> int:
    if text.isdecimal() and FEWEST_PAIRS <= int(text) <= MOST_PAIRS:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"'{text}' is not a whole number from {FEWEST_PAIRS:,} to {MOST_PAIRS:,}"
    )


def _gates(options: argparse.Namespace) -> int:
    runs = [gates(pairs=options.pairs, seed=seed) for seed in options.seeds]
    if options.json:
        print(json.dumps([run.to_dict() for run in runs], indent=1))
    else:
        _show("Pairs gated and costed on one core", _gates_row, runs)
    return 0 if all(run.is_reached for run in runs) else 1


def _gates_row(run: Gates) -> dict[str, str]:
    return {
        "seed": str(run.seed),
        "pairs": f"{run.pairs:,}",
        "bids": f"{run.bids:,}",
        "candidates": f"{run.candidates:,}",
        "arrays, s": f"{run.arrays_s:.2f}",
        "pairs, s": f"{run.pairs_s:.2f}",
        "gates and cost, s": f"{run.gates_s:.2f}",
        "peak, MiB": f"{run.peak_bytes / 2**20:,.0f}",
        "one core": "yes" if run.is_pinned else "not pinned",
        "target": "reached" if run.is_reached else "missed",
    }


def _families(options: argparse.Namespace) -> int:
    done = []
    for seed in options.seeds:
        for each in scores(
            options.folder,
            engine=options.engine,
            time_limit_s=options.time_limit,
            gap_limit=options.gap,
            threads=options.threads,
            seed=seed,
        ):
            done.append(each)
            if not options.json:
                print(
                    f"{each.family} {each.instance}: {_percent(each.gap_to_best_known)} "
                    f"in {each.seconds:.1f} s",
                    file=sys.stderr,
                )
    if options.json:
        print(json.dumps([each.to_dict() for each in done], indent=1))
    else:
        _show(f"Public instances, {options.engine}", _score_row, done)
    return 0 if all(each.sound and each.judged_ok for each in done) else 1


def _score_row(each: Score) -> dict[str, str]:
    return {
        "family": each.family,
        "instance": each.instance,
        "best known": f"{each.best_known:,.2f}{'' if each.proven else ' (not proven)'}",
        "best": _money(each.best),
        "bound": _money(each.bound),
        "gap": _percent(each.gap),
        "to best known": _percent(each.gap_to_best_known),
        "seconds": f"{each.seconds:.1f}",
        "found": each.found,
        "judged": ("ok" if each.judged_ok else "WRONG") if each.sound else "IMPOSSIBLE VALUE",
    }


def _money(value: float | None) -> str:
    return "none" if value is None else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    # Adding 0 turns a rounded -0 into 0.
    return "none" if value is None else f"{round(value, 6) + 0.0:.4%}"


def _show(title: str, row_of: Any, items: Sequence[Any]) -> None:
    table = Table(title=title)
    rows = [row_of(item) for item in items]
    for name in rows[0] if rows else ():
        table.add_column(name, justify="left" if name in ("family", "instance") else "right")
    for row in rows:
        table.add_row(*row.values())
    # A table in a file or pipe is not cut to the width of a terminal.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
