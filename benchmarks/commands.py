"""The commands.

Exit codes: 0 done; 1 a target of ``gates`` or ``phases`` is missed, or a plan or bound is wrong;
2 the input is wrong; 130 stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchmarks import ladder as rungs
from benchmarks.arguments import PRINTED, number, spread, whole_number
from benchmarks.attempt import Attempt
from benchmarks.console import (
    attempt_line,
    attempt_row,
    gates_row,
    mean_row,
    phases_line,
    phases_row,
    score_line,
    score_row,
    show,
    tell,
)
from benchmarks.families import Score, means, scores
from benchmarks.gates import FEWEST_PAIRS, MOST_PAIRS, PAIRS
from benchmarks.gates import gates as measure_gates
from benchmarks.networks import SIZES, Kind, specs
from benchmarks.phases import Phases
from benchmarks.phases import phases as measure_phases
from benchmarks.records import append, origin, record
from benchmarks.results import FOLDER, contradictions, write_report
from matcher.errors import MatcherError
from matcher.generate.recipe import LARGEST, SMALLEST

MISSED, WRONG_INPUT, STOPPED = 1, 2, 130

Result = TypeVar("Result", Attempt, Score, Phases)
Value = TypeVar("Value")

app = typer.Typer(
    name="python -m benchmarks",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Measure how fast, how large and how close to published optima. Lists are divided by "
    "commas or blanks.",
)

ALL_SIZES, ALL_KINDS, CONNECTED = list(SIZES), list(Kind), [Kind.CONNECTED]
ALL_ENGINES, LADDER_SEEDS, FIRST_SEED = list(rungs.ENGINES), list(rungs.SEEDS), [0]

Sizes = Annotated[
    list[int],
    typer.Option(
        parser=whole_number(SMALLEST, LARGEST),
        metavar="SIZE…",
        help="About how many candidates the networks have.",
    ),
]
Kinds = Annotated[
    list[Kind],
    typer.Option(metavar="KIND…", help=f"How networks hang together: {' or '.join(Kind)}."),
]
Seeds = Annotated[
    list[int],
    typer.Option(
        parser=whole_number(0, 2**31 - 1), metavar="SEED…", help="Random seeds; run once for each."
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        parser=whole_number(1, 1024), metavar="N", help="Threads that may be used at once."
    ),
]
SECONDS = number(0.1, 86_400.0)
Gap = Annotated[
    float,
    typer.Option(
        parser=number(0.0, 1.0),
        metavar="SHARE",
        help="Stop once the plan is proven to be within this share of the optimum.",
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="[FILE]",
        help="Print one JSON list; with FILE, add a line to it as soon as there is a result.",
        show_default=False,
    ),
]


@app.command()
def gates(
    pairs: Annotated[
        int,
        typer.Option(
            parser=whole_number(FEWEST_PAIRS, MOST_PAIRS),
            metavar="N",
            help="About how many pairs there are.",
        ),
    ] = PAIRS,
    seeds: Seeds = FIRST_SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Gate and cost demand–bid pairs on one core."""
    runs = [measure_gates(pairs=pairs, seed=seed) for seed in _once(seeds)]
    if as_json:
        print(json.dumps([run.to_dict() for run in runs], indent=1))
    else:
        show("Pairs gated and costed on one core", gates_row, runs)
    _end(all(run.is_reached for run in runs))


@app.command()
def ladder(  # noqa: PLR0913 - a parameter for each option
    sizes: Sizes = ALL_SIZES,
    kinds: Kinds = ALL_KINDS,
    engines: Annotated[
        list[str],
        typer.Option(metavar="ENGINE…", help="Engines, by the names that 'matcher solve' takes."),
    ] = ALL_ENGINES,
    time_limit: Annotated[
        float | None,
        typer.Option(
            parser=SECONDS,
            metavar="SECONDS",
            help="Time limit of every attempt.",
            show_default="60; 120 above 20,000 candidates and 300 above 100,000",
        ),
    ] = None,
    gap: Gap = rungs.GAP,
    seeds: Seeds = LADDER_SEEDS,
    threads: Threads = 2,
    as_json: Json = None,
) -> None:
    """Hold engine against engine on generated networks of growing size."""
    attempts = rungs.ladder(
        specs(_once(sizes), _once(kinds), _once(seeds)),
        engines=_once(engines),
        limit_s=time_limit,
        gap_limit=gap,
        threads=threads,
        tell=tell,
    )
    done = _collect("ladder", attempts, attempt_line, as_json)
    wrong = contradictions(done)
    for line in wrong:
        tell(line)
    if as_json is None:
        show("Generated networks, engine against engine", attempt_row, done)
    _end(not wrong and all(each.judged in (None, "ok") for each in done))


@app.command()
def families(  # noqa: PLR0913 - a parameter for each option
    folder: Annotated[
        Path,
        typer.Argument(
            help="A folder of a family, or one that holds such folders.", show_default=False
        ),
    ],
    engine: Annotated[
        str, typer.Option(help="Engine, by the name that 'matcher solve' takes.")
    ] = "highs",
    only: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Take instances with this text in FAMILY/INSTANCE, such as gap/chu1997/d.",
            show_default="all",
        ),
    ] = "",
    time_limit: Annotated[
        float,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="Time limit of each instance."),
    ] = 60.0,
    gap: Gap = 1e-6,
    seeds: Seeds = FIRST_SEED,
    threads: Threads = 2,
    as_json: Json = None,
) -> None:
    """Hold an engine against the best known values of public instances."""
    runs = (
        each
        for seed in _once(seeds)
        for each in scores(
            folder,
            only=only,
            engine=engine,
            time_limit_s=time_limit,
            gap_limit=gap,
            threads=threads,
            seed=seed,
        )
    )
    done = _collect("families", runs, score_line, as_json)
    if as_json is None:
        show(f"Public instances, {engine}", score_row, done)
        show(f"Public instances by group, {engine}", mean_row, means(done))
    _end(all(each.sound and each.judged_ok for each in done))


@app.command()
def phases(
    sizes: Sizes = ALL_SIZES,
    kinds: Kinds = CONNECTED,
    seeds: Seeds = FIRST_SEED,
    threads: Threads = 2,
    as_json: Json = None,
) -> None:
    """Measure time and memory of what comes before the solver."""
    networks = specs(_once(sizes), _once(kinds), _once(seeds))
    runs = measure_phases(networks, threads=threads, tell=tell)
    done = _collect("phases", runs, phases_line, as_json)
    if as_json is None:
        show("From Parquet to a solver's door", phases_row, done)
    _end(all(each.is_reached for each in done))


@app.command()
def report(
    files: Annotated[
        list[Path],
        typer.Argument(help="What --json FILE of other commands wrote.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Folder to write into.", show_default="benchmarks"),
    ] = FOLDER,
) -> None:
    """Write RESULTS.md and its plots from what the other commands kept."""
    print(write_report(files, output))


def _once(values: Sequence[Value]) -> tuple[Value, ...]:
    """The values without those that were given before, in their order."""
    return tuple(dict.fromkeys(values))


def _collect(
    name: str, results: Iterable[Result], line: Callable[[Result], str], as_json: str | None
) -> list[Result]:
    """Take results as they come: tell of each, keep it in the file, print the list at the end."""
    path = None if as_json in (None, PRINTED) else Path(as_json)
    done, records, made = [], [], origin()
    for each in results:
        done.append(each)
        records.append(record(name, each.to_dict(), made))
        if path is not None:
            append(path, records[-1])
        if as_json != PRINTED:
            tell(line(each))
    if as_json == PRINTED:
        print(json.dumps(records, indent=1))
    return done


def _end(is_reached: bool) -> None:
    if not is_reached:
        raise typer.Exit(MISSED)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words name, those of the process by default, and exit."""
    try:
        app(spread(sys.argv[1:] if words is None else words), prog_name="python -m benchmarks")
    except MatcherError as error:
        tell(str(error))
        sys.exit(WRONG_INPUT)
    except OSError as error:
        where = error.filename or "file"
        tell(f"{where}: {error.strerror or error}; check the path and that it can be written")
        sys.exit(WRONG_INPUT)
    except SystemExit as ended:
        if ended.code == STOPPED:  # Typer's own answer to an interrupt
            tell("Stopped; what --json FILE holds is kept.")
        raise
