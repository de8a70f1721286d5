"""The command line.

Exit codes: 0 done; 2 the input is wrong; 3 no plan exists or none was found; 4 the plan breaks a
rule.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import matcher
from matcher.cli.console import (
    ProgressLine,
    show_frontier,
    show_issues,
    show_judgement,
    show_network,
    show_plan,
    show_presolve,
    show_rule_costs,
    show_why,
)
from matcher.engines import NAMES as ENGINES
from matcher.errors import (
    EngineCrashed,
    EngineError,
    InputError,
    Issue,
    MatcherError,
    ServiceError,
)
from matcher.formatting import count
from matcher.frontier import suffix_of
from matcher.generate.adapters.scms import scms_network
from matcher.generate.adapters.scms_history import compare, scms_history
from matcher.generate.recipe import PRESETS, recipe_for
from matcher.network import Network
from matcher.options import SolveOptions
from matcher.plan import Plan

DONE, WRONG_INPUT, NO_PLAN, BROKEN_RULE = 0, 2, 3, 4
DEMO = Path("examples") / "asean-electronics"
DATA_AT_FAULT = "The data cannot be used until it is corrected: {}."
NOTHING_DONE = "Nothing was done: {}."

app = typer.Typer(
    name="matcher",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Assign component demands to suppliers, prove how good the plan is, and explain every "
    "yes and no.",
)


class ChosenObjective(StrEnum):
    """The objectives that a frontier can be drawn for: those of `matcher.frontier.CHOICES`."""

    COST = "cost"
    LOCAL_VALUE = "local_value"
    LINKAGES = "linkages"
    CONCENTRATION = "concentration"
    DELIVERY_SLACK = "delivery_slack"
    SUPPLIER_COUNT = "supplier_count"
    EMISSIONS = "emissions"


class Preset(StrEnum):
    """The recipes of `matcher.generate.recipe.PRESETS`."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    HUGE = "huge"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"supplier-matcher {matcher.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options that stand before the command."""


# Without a terminal there is no width to respect, and a cut-off figure is worth nothing.
out, err = (
    Console(stderr=to_stderr, width=None if stream.isatty() else 120)
    for to_stderr, stream in ((False, sys.stdout), (True, sys.stderr))
)

NetworkPath = Annotated[
    Path,
    typer.Argument(
        help="The network: a folder of CSV or Parquet files, an .xlsx workbook or a .json file.",
        show_default=False,
    ),
]
PlanPath = Annotated[
    Path,
    typer.Argument(
        help="The plan: JSON, a .csv of awards (demand, bid, quantity), or an .xlsx written by "
        "'report'.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
TimeLimit = Annotated[
    float, typer.Option(min=0.1, help="Stop after this many seconds and keep the best plan so far.")
]
Gap = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Stop once the plan is proven to be within this share of the optimum; 0.005 is 0.5%.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="Solver: auto (by size), decomposition, highs, cpsat, scip or pulp:SOLVER.",
        autocompletion=lambda: list(ENGINES),
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads for the solver.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed of the solver.")]
Memory = Annotated[
    float | None,
    typer.Option(
        min=0.05,
        help="GiB of memory at which the solver is stopped; the best plan so far is kept.",
        show_default="none",
    ),
]


@app.command()
def validate(network: NetworkPath, as_json: AsJson = False) -> None:
    """Check a network: every error in its data, and every demand or rule that no plan can meet."""
    read = matcher.read(network)
    presolve = matcher.presolve_checks(read)
    if as_json:
        _print_json(
            {
                "ok": True,
                "name": read.name,
                "input_hash": read.input_hash,
                "warnings": [issue.to_dict() for issue in read.warnings],
                "presolve": {
                    "headline": presolve.headline,
                    "rows": presolve.rows.to_dicts(),
                },
            }
        )
    else:
        show_network(out, read)
        out.print(
            "[bold red]No errors found in the data, but no plan can meet every rule.[/]"
            if presolve.no_plan
            else "[bold green]No errors found; ready to solve.[/]"
        )
        show_presolve(out, presolve)
    if presolve.no_plan:
        raise typer.Exit(NO_PLAN)


@app.command()
def solve(  # noqa: PLR0913, PLR0917 - options of a command
    network: NetworkPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the plan to this file: a workbook if it ends in .xlsx, otherwise JSON.",
            show_default="none",
        ),
    ] = None,
    time_limit: TimeLimit = 60.0,
    gap: Gap = 1e-4,
    engine: Engine = "auto",
    threads: Threads = 2,
    seed: Seed = 0,
    memory_limit: Memory = None,
    as_json: AsJson = False,
    server: Annotated[
        str | None,
        typer.Option(
            help="Address of a service to solve on; its key is read from MATCHER_KEY.",
            show_default="this machine",
        ),
    ] = None,
) -> None:
    """Find the plan that covers the most demand at the lowest total cost."""
    read = matcher.read(network)
    if read.warnings and not as_json:
        show_issues(err, read.warnings, f"{count(len(read.warnings), 'warning')} to review:")
    options = SolveOptions(
        time_limit_s=time_limit,
        gap_limit=gap,
        engine=engine,
        threads=threads,
        seed=seed,
        memory_limit_bytes=_bytes(memory_limit),
    )
    plan = _solve(read, options, server, quiet=as_json)
    if output is not None and output.suffix.lower() == ".xlsx":
        matcher.report(read, plan, output)
    elif output is not None:
        plan.write(output)
    if as_json:
        _print_json(plan.to_dict())
    else:
        show_plan(out, read, plan)
        if output is not None:
            out.print(f"Plan written to {output}", highlight=False, soft_wrap=True)
    _exit_without_plan(plan)


@app.command()
def frontier(  # noqa: PLR0913, PLR0917 - options of a command
    network: NetworkPath,
    first: Annotated[
        ChosenObjective, typer.Option(help="First objective: the plans begin with its best.")
    ] = ChosenObjective.COST,
    second: Annotated[
        ChosenObjective, typer.Option(help="Second objective: improved from plan to plan.")
    ] = ChosenObjective.LOCAL_VALUE,
    points: Annotated[int, typer.Option(help="Largest number of plans, from 2 to 50.")] = 8,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this file: .json with the plans, .csv, or a chart as .png or .svg; may "
            "be repeated.",
            show_default="none",
        ),
    ] = None,
    time_limit: TimeLimit = 60.0,
    gap: Gap = 1e-4,
    engine: Engine = "auto",
    threads: Threads = 2,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Weigh two objectives against each other: what more local value costs, for example."""
    for path in output or ():
        suffix_of(path)  # not to find out after a long search
    read = matcher.read(network)
    with ProgressLine(Console(quiet=True) if as_json else err) as progress:
        found = matcher.frontier(
            read,
            first.value,
            second.value,
            points=points,
            time_limit_s=time_limit,
            gap_limit=gap,
            engine=engine,
            threads=threads,
            seed=seed,
            on_progress=progress,
        )
    if as_json:
        _print_json(found.to_dict())
    else:
        show_frontier(out, found)
    if found.points.is_empty():
        raise typer.Exit(NO_PLAN)
    for path in output or ():
        found.write(path)
        if not as_json:
            out.print(f"Frontier written to {path}", highlight=False, soft_wrap=True)


@app.command()
def check(network: NetworkPath, plan: PlanPath, as_json: AsJson = False) -> None:
    """Check a plan, made here or by hand, against every rule and every figure in it."""
    judgement = matcher.check(matcher.read(network), matcher.read_plan(plan))
    if as_json:
        _print_json(judgement.to_dict())
    else:
        show_judgement(out, judgement)
    if not judgement.ok:
        raise typer.Exit(BROKEN_RULE)


@app.command()
def explain(  # noqa: PLR0913 - options of a command
    network: NetworkPath,
    plan: PlanPath,
    demand: Annotated[
        str | None, typer.Option(help="Who was awarded this demand, and why.")
    ] = None,
    supplier: Annotated[
        str | None, typer.Option(help="Why this supplier got an award, or got none.")
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="What each rule costs, by solving again without it.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="With --rules: seconds for all rules together.")
    ] = 60.0,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="With --rules: a quick estimate, without solving again."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Explain a plan: why a demand or a supplier was awarded or not, or what each rule costs."""
    if (demand is not None) + (supplier is not None) + rules != 1:
        raise InputError(
            [
                Issue(
                    code="bad_option",
                    table="command line",
                    problem="exactly one of --demand, --supplier and --rules is required",
                    fix="give the one that you want to be explained",
                )
            ]
        )
    read, made = matcher.read(network), matcher.read_plan(plan)
    if rules:
        _explain_rules(read, made, time_limit, estimate=estimate, as_json=as_json)
        return
    answer = (
        matcher.explain_demand(read, made, demand)
        if demand is not None
        else matcher.explain_supplier(read, made, str(supplier))
    )
    if as_json:
        _print_json({"headline": answer.headline, "rows": answer.rows.to_dicts()})
    else:
        show_why(out, answer.headline, answer.rows, read.currency)


@app.command()
def report(
    network: NetworkPath,
    plan: PlanPath,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write; its name ends in .html, .xlsx or .md."),
    ] = Path("report.html"),
) -> None:
    """Write a report on a plan: an HTML page with charts, a workbook, or Markdown."""
    read = matcher.read(network)
    matcher.report(read, matcher.read_plan(plan), output)
    out.print(f"Report written to {output}", highlight=False, soft_wrap=True)


@app.command()
def export(
    network: NetworkPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; its name ends in .lp or .mps.")
    ],
) -> None:
    """Write the optimization model as an LP or MPS file, for any solver."""
    matcher.export(matcher.read(network), output)
    out.print(f"Model written to {output}", highlight=False, soft_wrap=True)


@app.command()
def template(
    output: Annotated[Path, typer.Argument(help="An .xlsx workbook, or a folder for CSV files.")],
    example: Annotated[bool, typer.Option(help="Fill in a small example to start from.")] = True,
) -> None:
    """Write a template for a network, with notes, units and drop-down lists."""
    matcher.template(output, example=example)
    out.print(
        f"Template written to {output}; fill it in, then run 'matcher validate {output}'",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def generate(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A folder, or a file whose name ends in .xlsx or .json."
        ),
    ],
    preset: Annotated[Preset, typer.Option(help="Size of the network.")] = Preset.SMALL,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Approximate number of candidates, instead of a preset.", show_default="preset"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the network.")] = 0,
    separable: Annotated[
        bool,
        typer.Option(
            help="Give each supplier one component family, so that the network falls into "
            "independent parts."
        ),
    ] = False,
    parquet: Annotated[
        bool, typer.Option(help="Write Parquet instead of CSV, for large networks.")
    ] = False,
) -> None:
    """Make a synthetic network for tests; the same seed gives the same network."""
    recipe = PRESETS[preset] if candidates is None else recipe_for(candidates)
    network = matcher.generate(replace(recipe, connected=not separable), seed=seed)
    matcher.write(network, output, format="parquet" if parquet else None)
    show_network(out, network)
    out.print(f"Network written to {output}", highlight=False, soft_wrap=True)


@app.command()
def scms(
    file: Annotated[
        Path,
        typer.Argument(help="The USAID SCMS delivery history, as a CSV file.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for the network, the plan and the reports."),
    ] = Path("scms"),
    year: Annotated[
        list[int] | None,
        typer.Option(help="Take the lines due in this year; may be repeated.", show_default="2010"),
    ] = None,
    time_limit: TimeLimit = 60.0,
    gap: Gap = 1e-4,
) -> None:
    """Plan what the USAID SCMS project bought, and compare the plan with what it paid."""
    years = tuple(year or (2010,))
    network = scms_network(file, years=years)
    show_network(out, network)
    plan = _solve(network, SolveOptions(time_limit_s=time_limit, gap_limit=gap, engine="highs"))
    show_plan(out, network, plan)
    _exit_without_plan(plan)
    comparison = compare(network, plan.awards, scms_history(file, years=years))
    matcher.write(network, output / "network")
    plan.write(output / "plan.json")
    matcher.report(network, plan, output / "report.html")
    comparison.write(output / "comparison.md")
    out.print(f"[bold green]{comparison.verdict}[/]", highlight=False)
    out.print(
        f"Network, plan, report and comparison written to {output}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the plan and the report.")
    ] = Path("demo"),
) -> None:
    """Solve the sample network that comes with the package and show the results."""
    # Beside the package in a checkout, within it where it is installed.
    bases = Path(__file__).parents[1:3]
    read = matcher.read(next(base / DEMO for base in bases if (base / DEMO).is_dir()))
    show_network(out, read)
    plan = _solve(read, SolveOptions(gap_limit=0.005, engine="highs"))
    show_plan(out, read, plan)
    judgement = matcher.check(read, plan)
    show_judgement(out, judgement)
    output.mkdir(parents=True, exist_ok=True)
    plan.write(output / "plan.json")
    matcher.report(read, plan, output / "report.html")
    out.print(
        f"Plan written to {output / 'plan.json'}, report with charts to "
        f"[bold]{output / 'report.html'}[/]",
        highlight=False,
        soft_wrap=True,
    )
    _exit_without_plan(plan)
    if not judgement.ok:
        raise typer.Exit(BROKEN_RULE)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Start the whole service on this machine: API, workers and database."""
    # By name: the core stands below the service and imports nothing of it.
    try:
        serve_ = importlib.import_module("api.serve").serve
    except ModuleNotFoundError as error:
        raise ServiceError(
            "The service is not part of the installed package: run 'make serve' in a checkout of "
            "the project, or the image that its Dockerfile builds"
            if error.name in ("api", "api.serve")
            else f"The service needs the package {error.name}: install it with "
            "'pip install supplier-matcher[service]'"
        ) from None
    serve_(host, port)


def _explain_rules(
    network: Network, plan: Plan, time_limit: float, *, estimate: bool, as_json: bool
) -> None:
    with ProgressLine(Console(quiet=True) if as_json else err) as progress:
        found = matcher.explain_rules(
            network, plan, time_limit_s=time_limit, estimate=estimate, on_progress=progress
        )
    if as_json:
        _print_json(
            {
                "headline": found.headline,
                "rows": found.rows.to_dicts(),
                "instances": found.instances.to_dicts(),
            }
        )
    else:
        show_rule_costs(out, found, network.currency)


def _solve(
    network: Network, options: SolveOptions, server: str | None = None, *, quiet: bool = False
) -> Plan:
    with ProgressLine(Console(quiet=True) if quiet else err) as progress:
        if server is not None:
            stated = {name: value for name, value in asdict(options).items() if value is not None}
            return _solve_on(server, network, stated, progress)
        return matcher.solve(network, **asdict(options), on_progress=progress)


def _bytes(gib: float | None) -> int | None:
    return None if gib is None else int(gib * 2**30)


def _solve_on(
    server: str, network: Network, options: dict[str, Any], progress: ProgressLine
) -> Plan:
    from matcher.client import Client  # only who asks for a service needs a web library

    with Client(server) as client:
        job = client.submit(network, **options)
        try:
            job.follow(progress)
        except KeyboardInterrupt:
            job.cancel()
        return job.plan()


def _exit_without_plan(plan: Plan) -> None:
    if plan.result is None or plan.result.solution_status in ("infeasible", "none"):
        raise typer.Exit(NO_PLAN)


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n")


def main() -> None:
    """Run the command line; a user's mistake ends in a message, never in a traceback."""
    try:
        app()
    except InputError as error:
        if "--json" in sys.argv:
            _print_json({"ok": False, "issues": [issue.to_dict() for issue in error.issues]})
        else:
            # A row says that the data are at fault; otherwise it is the call.
            in_data = any(issue.row is not None for issue in error.issues)
            headline = DATA_AT_FAULT if in_data else NOTHING_DONE
            show_issues(err, error.issues, headline.format(count(len(error.issues), "issue")))
        sys.exit(WRONG_INPUT)
    except EngineError as error:
        err.print(f"[red]✗[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(NO_PLAN if isinstance(error, EngineCrashed) else WRONG_INPUT)
    except MatcherError as error:
        err.print(f"[red]✗[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(WRONG_INPUT)
    except OSError as error:
        err.print(
            f"[red]✗[/] {error.filename or 'file'}: {error.strerror or error}; "
            "check the path and that it can be written",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(WRONG_INPUT)
    except KeyboardInterrupt:
        err.print("[red]✗[/] Stopped before a plan was found.")
        sys.exit(NO_PLAN)
