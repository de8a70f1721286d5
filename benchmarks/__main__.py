"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import ladder as rungs
from benchmarks.attempt import Attempt
from benchmarks.families import Mean, Score, means, scores
from benchmarks.gates import FEWEST_PAIRS, MOST_PAIRS, PAIRS, Gates, gates
from benchmarks.networks import KINDS, SIZES
from benchmarks.phases import STEPS, Phases, phases
from benchmarks.records import Record, append, origin, record
from benchmarks.results import FOLDER, contradictions, write_report
from matcher.errors import MatcherError
from matcher.generate.recipe import LARGEST, SMALLEST


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; 0 if its target is reached, 1 if not, 2 if the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except MatcherError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what --json FILE holds is kept", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("gates", help="gate and cost demand–bid pairs on one core")
    one.add_argument(
        "--pairs", type=_num_pairs, default=PAIRS, help="how many (default %(default)s)"
    )
    one.set_defaults(run=_gates)

    one = commands.add_parser(
        "ladder", help="generated networks of growing size, engine against engine"
    )
    _sizes_and_kinds(one, KINDS)
    _many(
        one,
        "--engines",
        str,
        rungs.ENGINES,
        f"by name, as matcher solve takes them (default {' '.join(rungs.ENGINES)})",
    )
    one.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="S",
        help="seconds for every size (default 60; 120 above 20,000 and 300 above 100,000)",
    )
    one.add_argument(
        "--gap",
        type=_share,
        default=rungs.GAP,
        help="relative gap to stop at (default %(default)s)",
    )
    _common(one, _ladder, seeds=rungs.SEEDS)

    one = commands.add_parser("families", help="public instances against best known values")
    one.add_argument(
        "folder", type=Path, help="a folder of a family, or one that holds such folders"
    )
    one.add_argument("--engine", default="highs", help="default %(default)s")
    one.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="a part of FAMILY/INSTANCE, such as gap/chu1997/d (default: all)",
    )
    one.add_argument(
        "--time-limit",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds for each instance (default %(default)s)",
    )
    one.add_argument(
        "--gap", type=_share, default=1e-6, help="relative gap to stop at (default %(default)s)"
    )
    _common(one, _families)

    one = commands.add_parser("phases", help="time and memory of what comes before the solver")
    _sizes_and_kinds(one, KINDS[:1])
    _common(one, _phases)

    one = commands.add_parser("report", help="write RESULTS.md and its plots")
    one.add_argument("files", type=Path, nargs="+", help="what --json FILE wrote")
    one.add_argument(
        "--output", type=Path, default=FOLDER, metavar="FOLDER", help="default: benchmarks"
    )
    one.set_defaults(run=_report)

    one = commands.choices["gates"]
    _many(one, "--seeds", _seed, (0,), "run once for each (default 0)")
    one.add_argument("--json", action="store_true", help="one JSON list, for machines")
    return parser


def _sizes_and_kinds(parser: argparse.ArgumentParser, kinds: Sequence[str]) -> None:
    sizes = " ".join(map(str, SIZES))
    _many(parser, "--sizes", _size, tuple(SIZES), f"candidates (default {sizes})")
    _many(
        parser, "--kinds", _kind, tuple(kinds), f"of {', '.join(KINDS)} (default {' '.join(kinds)})"
    )


def _common(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], int],
    seeds: Sequence[int] = (0,),
) -> None:
    default = " ".join(map(str, seeds))
    _many(parser, "--seeds", _seed, tuple(seeds), f"run once for each (default {default})")
    parser.add_argument("--threads", type=_whole, default=2, help="default %(default)s")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="one JSON list for machines; with FILE, a line is added to it as soon as there is one",
    )
    parser.set_defaults(run=run)


def _many(
    parser: argparse.ArgumentParser,
    name: str,
    of: Callable[[str], Any],
    default: tuple[Any, ...],
    text: str,
) -> None:
    """An option that takes several values, divided by commas or blanks."""

    class Join(argparse.Action):
        def __call__(
            self,
            parser: argparse.ArgumentParser,  # noqa: ARG002
            namespace: argparse.Namespace,
            values: Any,
            option_string: str | None = None,  # noqa: ARG002
        ) -> None:
            joined = [value for part in values for value in part]
            setattr(namespace, self.dest, tuple(dict.fromkeys(joined)))

    def parts(text: str) -> list[Any]:
        return [of(part) for part in text.split(",") if part]

    metavar = name.strip("-").rstrip("s").upper()
    parser.add_argument(
        name, type=parts, nargs="+", action=Join, default=default, metavar=metavar, help=text
    )


def _num_pairs(text: str) -> int:
    return _between(text, FEWEST_PAIRS, MOST_PAIRS)


def _size(text: str) -> int:
    return _between(text, SMALLEST, LARGEST)


def _seed(text: str) -> int:
    return _between(text, 0, 2**31 - 1)


def _whole(text: str) -> int:
    return _between(text, 1, 1024)


def _between(text: str, low: int, high: int) -> int:
    if text.isdecimal() and low <= int(text) <= high:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low:,} to {high:,}")


def _kind(text: str) -> str:
    if text in KINDS:
        return text
    raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(KINDS)}")


def _seconds(text: str) -> float:
    return _number(text, 0.1, 86_400.0)


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if low <= value <= high:
        return value
    raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low:,g} to {high:,g}")


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


def _ladder(options: argparse.Namespace) -> int:
    done = _collect(
        options,
        "ladder",
        rungs.ladder(
            sizes=options.sizes,
            kinds=options.kinds,
            engines=options.engines,
            seeds=options.seeds,
            limit_s=options.time_limit,
            gap_limit=options.gap,
            threads=options.threads,
            tell=_tell,
        ),
        lambda each: f"  {_attempt_line(each)}",
    )
    wrong = contradictions(done)
    for line in wrong:
        _tell(line)
    if options.json is None:
        _show("Generated networks, engine against engine", _attempt_row, done)
    return 0 if not wrong and all(each.judged in (None, "ok") for each in done) else 1


def _attempt_line(each: Attempt) -> str:
    if each.failed:
        return each.failed
    proven = "" if each.coverage_proven else " (not proven least)"
    return (
        f"{_money(each.best)}, bound {_money(each.bound)}, "
        f"proven gap {_percent(each.proven_gap)}, unmet {_plain(each.unmet)}{proven}, "
        f"judged {each.judged or 'nothing'}, {_plain(each.solve_s)} s"
    )


def _attempt_row(each: Attempt) -> dict[str, str]:
    return {
        "candidates": f"{each.size:,}",
        "kind": each.kind,
        "seed": str(each.seed),
        "engine": each.engine,
        "best": _money(each.best),
        "bound": _money(each.bound),
        "proven gap": _percent(each.proven_gap),
        "unmet": _plain(each.unmet) + ("" if each.coverage_proven else " ?"),
        "first, s": _plain(each.first_plan_s),
        "time, s": _plain(each.solve_s),
        "GiB": "none" if each.peak_bytes is None else f"{each.peak_bytes / 2**30:.2f}",
        "judged": each.failed or each.judged or "no plan",
    }


def _families(options: argparse.Namespace) -> int:
    done = _collect(
        options,
        "families",
        (
            each
            for seed in options.seeds
            for each in scores(
                options.folder,
                only=options.only,
                engine=options.engine,
                time_limit_s=options.time_limit,
                gap_limit=options.gap,
                threads=options.threads,
                seed=seed,
            )
        ),
        lambda each: (
            f"{each.family} {each.instance}: {_percent(each.gap_to_best_known)} "
            f"in {each.seconds:.1f} s"
        ),
    )
    if options.json is None:
        _show(f"Public instances, {options.engine}", _score_row, done)
        _show(f"Public instances by group, {options.engine}", _mean_row, means(done))
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


def _mean_row(each: Mean) -> dict[str, str]:
    return {
        "group": each.name,
        "instances": str(each.num_instances),
        "plans": f"{each.num_plans} of {each.num_runs}",
        "mean to best known": _percent(each.gap_to_best_known),
        "worst": _percent(each.worst),
        "proven optimal": f"{each.proven:.1%}",
        "mean seconds": f"{each.seconds:.1f}",
        "judged": "ok" if each.ok else "WRONG",
    }


def _phases(options: argparse.Namespace) -> int:
    done = _collect(
        options,
        "phases",
        phases(
            sizes=options.sizes,
            kinds=options.kinds,
            seeds=options.seeds,
            threads=options.threads,
            tell=_tell,
        ),
        lambda each: f"  {each.to_formulation_s:.2f} s to the formulation",
    )
    if options.json is None:
        _show("From Parquet to a solver's door", _phases_row, done)
    return 0 if all(each.is_reached for each in done) else 1


def _phases_row(each: Phases) -> dict[str, str]:
    return {
        "candidates": f"{each.size:,}",
        "kind": each.kind,
        "seed": str(each.seed),
        **{f"{step}, s": f"{each.seconds[step]:.2f}" for step in STEPS},
        "to formulation, s": f"{each.to_formulation_s:.2f}",
        "peak, MiB": f"{max(each.peak_bytes.values()) / 2**20:,.0f}",
        "most time in": each.dominant,
    }


def _report(options: argparse.Namespace) -> int:
    print(write_report(options.files, options.output))
    return 0


def _collect(
    options: argparse.Namespace, name: str, results: Iterable[Any], line: Callable[[Any], str]
) -> list[Any]:
    """Take results as they come: tell of each, keep it in the file, print the list at the end."""
    path = None if options.json in (None, "-") else Path(options.json)
    done, records, made = [], [], origin()
    for each in results:
        done.append(each)
        one: Record = record(name, each.to_dict(), made)
        records.append(one)
        if path is not None:
            append(path, one)
        if options.json != "-":
            _tell(line(each))
    if options.json == "-":
        print(json.dumps(records, indent=1))
    return done


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _money(value: float | None) -> str:
    return "none" if value is None else f"{value:,.2f}"


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{round(value, 3) + 0.0:g}"


def _percent(value: float | None) -> str:
    # Adding 0 turns a rounded -0 into 0.
    return "none" if value is None else f"{round(value, 6) + 0.0:.4%}"


def _show(title: str, row_of: Callable[[Any], dict[str, str]], items: Sequence[Any]) -> None:
    table = Table(title=title)
    rows = [row_of(item) for item in items]
    for name in rows[0] if rows else ():
        left = name in ("family", "group", "instance", "kind", "engine")
        table.add_column(name, justify="left" if left else "right")
    for row in rows:
        table.add_row(*row.values())
    # A table in a file or pipe is not cut to the width of a terminal.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
