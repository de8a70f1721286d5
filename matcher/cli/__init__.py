"""The command line. Exit codes: 0 done; 2 the input is wrong; 3 no plan exists or none was found;
4 the plan breaks a rule."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

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
from matcher.errors import (
    EngineCrashed,
    EngineError,
    InputError,
    Issue,
    MatcherError,
    ServiceError,
)
from matcher.formatting import count
from matcher.frontier import CHOICES, suffix_of
from matcher.generate.adapters.scms import scms_network
from matcher.generate.adapters.scms_history import compare, scms_history
from matcher.generate.recipe import PRESETS, recipe_for
from matcher.network import Network
from matcher.plan import Plan

DONE, WRONG_INPUT, NO_PLAN, BROKEN_RULE = 0, 2, 3, 4
DEMO = Path("examples") / "asean-electronics"
DO_NOT_TRUST = "Do not trust a plan from this data until it is fixed: {}."
NOTHING_DONE = "Nothing was done: {}."

app = typer.Typer(
    name="matcher",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Assign component demands to suppliers, prove how good the plan is, explain every yes "
    "and no.",
)
# Without a terminal there is no width to respect, and a cut-off figure is worth nothing.
out, err = (
    Console(stderr=to_stderr, width=None if stream.isatty() else 120)
    for to_stderr, stream in ((False, sys.stdout), (True, sys.stderr))
)

NetworkPath = Annotated[
    Path,
    typer.Argument(
        help="A folder of CSV or Parquet files, an .xlsx workbook or a .json file.",
        show_default=False,
    ),
]
PlanPath = Annotated[
    Path,
    typer.Argument(
        help="A plan as JSON, a .csv of awards (demand, bid, quantity), or an .xlsx of 'report'.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
TimeLimit = Annotated[
    float, typer.Option(min=0.1, help="Seconds after which the best plan so far is kept.")
]
Gap = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Stop at this relative gap; 0.005 is 0.5 %.")
]
Engine = Annotated[
    str, typer.Option(help="auto, decomposition, highs, cpsat, scip or pulp:SOLVER; auto picks.")
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the solver.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the solver.")]
Memory = Annotated[
    float | None,
    typer.Option(
        min=0.05, help="GiB at which the solver, not this program, is ended.", show_default="none"
    ),
]


@app.command()
def validate(network: NetworkPath, as_json: AsJson = False) -> None:
    """Read a network and say everything that is wrong with it, and what no plan can do."""
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
            "[bold red]The data hold together, but no plan keeps every rule.[/]"
            if presolve.no_plan
            else "[bold green]The data can be trusted with a plan.[/]"
        )
        show_presolve(out, presolve)
    if presolve.no_plan:
        raise typer.Exit(NO_PLAN)


@app.command()
def solve(
    network: NetworkPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the plan here: as a workbook if it ends in .xlsx, else as JSON.",
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
            help="Solve on this service; its key is in MATCHER_KEY.", show_default="this machine"
        ),
    ] = None,
) -> None:
    """Find the award plan that covers most demand at the least landed cost."""
    read = matcher.read(network)
    if read.warnings and not as_json:
        show_issues(err, read.warnings, f"{count(len(read.warnings), 'warning')}, worth a look:")
    plan = _solve(read, time_limit, gap, engine, threads, seed, memory_limit, server, quiet=as_json)
    if output is not None and output.suffix.lower() == ".xlsx":
        matcher.report(read, plan, output)
    elif output is not None:
        plan.write(output)
    if as_json:
        _print_json(plan.to_dict())
    else:
        show_plan(out, read, plan)
        if output is not None:
            out.print(f"The plan is in {output}", highlight=False, soft_wrap=True)
    _exit_without_plan(plan)


@app.command()
def frontier(
    network: NetworkPath,
    first: Annotated[
        str, typer.Option(help=f"What is to be as good as can be: {', '.join(CHOICES)}.")
    ] = "cost",
    second: Annotated[
        str, typer.Option(help="What there is to be more of, step by step; one of the same.")
    ] = "local_value",
    points: Annotated[int, typer.Option(help="At most so many plans, from 2 to 50.")] = 8,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            help="Write it here: .json with the plans, .csv, or a chart as .png or .svg; may be "
            "given again.",
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
    """Plans between two objectives: what more local value, say, costs."""
    for path in output or ():
        suffix_of(path)  # not to find out after a long search
    read = matcher.read(network)
    with ProgressLine(Console(quiet=True) if as_json else err) as progress:
        found = matcher.frontier(
            read,
            first,
            second,
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
            out.print(f"The frontier is in {path}", highlight=False, soft_wrap=True)


@app.command()
def check(network: NetworkPath, plan: PlanPath, as_json: AsJson = False) -> None:
    """Judge a plan, made here or by hand, against every rule."""
    judgement = matcher.check(matcher.read(network), matcher.read_plan(plan))
    if as_json:
        _print_json(judgement.to_dict())
    else:
        show_judgement(out, judgement)
    if not judgement.ok:
        raise typer.Exit(BROKEN_RULE)


@app.command()
def explain(
    network: NetworkPath,
    plan: PlanPath,
    demand: Annotated[str | None, typer.Option(help="Why this demand went where it went.")] = None,
    supplier: Annotated[
        str | None, typer.Option(help="Why this supplier is in the plan, or not.")
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="What each rule costs: solves again without it.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="With --rules: seconds for all rules together.")
    ] = 60.0,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="With --rules: by LP prices alone, which is fast.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why, and why not: for a demand, for a supplier, or what each rule costs."""
    if (demand is not None) + (supplier is not None) + rules != 1:
        raise InputError(
            [
                Issue(
                    code="bad_option",
                    table="command line",
                    problem="needs one of --demand, --supplier and --rules",
                    fix="name the one you ask about",
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
        Path, typer.Option("--output", "-o", help="Ends in .html, .xlsx or .md.")
    ] = Path("report.html"),
) -> None:
    """Write a report of a plan: one HTML page with charts, a workbook, or Markdown."""
    read = matcher.read(network)
    matcher.report(read, matcher.read_plan(plan), output)
    out.print(f"The report is in {output}", highlight=False, soft_wrap=True)


@app.command()
def export(
    network: NetworkPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Ends in .lp or .mps.")],
) -> None:
    """Write the mathematical program as LP or MPS, for any solver."""
    matcher.export(matcher.read(network), output)
    out.print(f"The program is in {output}", highlight=False, soft_wrap=True)


@app.command()
def template(
    output: Annotated[Path, typer.Argument(help="An .xlsx workbook, or a folder for CSV files.")],
    example: Annotated[bool, typer.Option(help="Fill in a tiny network to start from.")] = True,
) -> None:
    """Write an empty network to fill in, with notes, units and drop-downs."""
    matcher.template(output, example=example)
    out.print(
        f"The template is in {output}; 'matcher solve {output}' when it is filled in",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def generate(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A folder, or a file that ends in .xlsx or .json."),
    ],
    preset: Annotated[str, typer.Option(help=f"{', '.join(PRESETS)}.")] = "small",
    candidates: Annotated[
        int | None,
        typer.Option(help="About so many candidates, instead of a preset.", show_default="preset"),
    ] = None,
    seed: Seed = 0,
    separable: Annotated[
        bool,
        typer.Option(
            help="One component family a supplier, so that the network falls into pieces."
        ),
    ] = False,
    parquet: Annotated[bool, typer.Option(help="A folder of Parquet files, for big ones.")] = False,
) -> None:
    """Make a seeded synthetic network."""
    if preset not in PRESETS:
        raise InputError(
            [
                Issue(
                    code="bad_option",
                    table="command line",
                    column="--preset",
                    value=preset,
                    problem="is not a preset",
                    fix=f"choose one of {', '.join(PRESETS)}",
                )
            ]
        )
    recipe = PRESETS[preset] if candidates is None else recipe_for(candidates)
    network = matcher.generate(replace(recipe, connected=not separable), seed=seed)
    matcher.write(network, output, format="parquet" if parquet else None)
    show_network(out, network)
    out.print(f"The network is in {output}", highlight=False, soft_wrap=True)


@app.command()
def scms(
    file: Annotated[
        Path, typer.Argument(help="The USAID SCMS delivery history, as CSV.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for network, plan and reports.")
    ] = Path("scms"),
    year: Annotated[
        list[int] | None,
        typer.Option(help="Lines due in this year; may be given again.", show_default="2010"),
    ] = None,
    time_limit: TimeLimit = 60.0,
    gap: Gap = 1e-4,
) -> None:
    """Plan what the SCMS project bought, and compare the plan with what it really paid."""
    years = tuple(year or (2010,))
    network = scms_network(file, years=years)
    show_network(out, network)
    plan = _solve(network, time_limit, gap, "highs", threads=2, seed=0, memory=None)
    show_plan(out, network, plan)
    _exit_without_plan(plan)
    comparison = compare(network, plan.awards, scms_history(file, years=years))
    matcher.write(network, output / "network")
    plan.write(output / "plan.json")
    matcher.report(network, plan, output / "report.html")
    comparison.write(output / "comparison.md")
    out.print(f"[bold green]{comparison.verdict}[/]", highlight=False)
    out.print(
        f"Network, plan, report and comparison are in {output}", highlight=False, soft_wrap=True
    )


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the plan and the report.")
    ] = Path("demo"),
) -> None:
    """Solve the shipped sample and show what you get."""
    # Beside the package in a checkout, within it where it is installed.
    bases = Path(__file__).parents[1:3]
    read = matcher.read(next(base / DEMO for base in bases if (base / DEMO).is_dir()))
    show_network(out, read)
    plan = _solve(read, time_limit=60.0, gap=0.005, engine="highs", threads=2, seed=0, memory=None)
    show_plan(out, read, plan)
    judgement = matcher.check(read, plan)
    show_judgement(out, judgement)
    output.mkdir(parents=True, exist_ok=True)
    plan.write(output / "plan.json")
    matcher.report(read, plan, output / "report.html")
    out.print(
        f"The plan is in {output / 'plan.json'}, the report with charts in "
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
    """Start the whole service on this machine: API, workers and store."""
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
    network: Network,
    time_limit: float,
    gap: float,
    engine: str,
    threads: int,
    seed: int,
    memory: float | None,
    server: str | None = None,
    *,
    quiet: bool = False,
) -> Plan:
    options: dict[str, Any] = {
        "time_limit_s": time_limit,
        "gap_limit": gap,
        "engine": engine,
        "threads": threads,
        "seed": seed,
    }
    if memory is not None:
        options["memory_limit_bytes"] = int(memory * 2**30)
    with ProgressLine(Console(quiet=True) if quiet else err) as progress:
        if server is not None:
            return _solve_on(server, network, options, progress)
        return matcher.solve(network, **options, on_progress=progress)


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
    if plan.result is None or plan.result.found in ("infeasible", "none"):
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
            headline = DO_NOT_TRUST if in_data else NOTHING_DONE
            show_issues(err, error.issues, headline.format(count(len(error.issues), "issue")))
        sys.exit(WRONG_INPUT)
    except EngineError as error:
        err.print(f"[red]✗[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(NO_PLAN if isinstance(error, EngineCrashed) else WRONG_INPUT)
    except MatcherError as error:
        err.print(f"[red]✗[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(WRONG_INPUT)
    except OSError as error:
        err.print(
            f"[red]✗[/] {error.filename or 'file'}: {error.strerror or error}; "
            "check the path and that it may be written",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(WRONG_INPUT)
    except KeyboardInterrupt:
        err.print("[red]✗[/] stopped before there was a plan")
        sys.exit(NO_PLAN)
