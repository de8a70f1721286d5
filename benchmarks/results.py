"""The results page: records in, Markdown and plots out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import plots, targets
from benchmarks.attempt import SAME_COVERAGE, Attempt
from benchmarks.families import Mean, Score, means
from benchmarks.phases import STEPS, Phases
from benchmarks.records import Record, load
from benchmarks.targets import GIB, TargetResult
from matcher import formatting

FOLDER: Final = Path(__file__).parent
NOTES: Final = "notes.md"
"""Hand-written; becomes the last section of the page."""

_BOUND_TOLERANCE = 1e-6
_KEYS: Final = {
    "ladder": ("size", "kind", "seed", "engine", "threads", "time_limit_s"),
    "families": ("family", "instance", "seed", "engine", "threads", "time_limit_s"),
    "phases": ("size", "kind", "seed", "threads"),
}


def write_report(paths: Iterable[Path], folder: Path = FOLDER) -> Path:
    """Write ``RESULTS.md`` and its plots into ``folder``; where a run was repeated the last counts.

    Raises
    ------
    InputError
        A file does not hold results.
    """
    records = latest(load(paths))
    attempts = [Attempt.from_dict(each) for each in records if each["benchmark"] == "ladder"]
    drawn = plots.draw(attempts, folder / "images")
    notes = folder / NOTES
    text = page(records, drawn, notes.read_text(encoding="utf-8").strip() if notes.exists() else "")
    path = folder / "RESULTS.md"
    path.write_text(text, encoding="utf-8")
    return path


def latest(records: Sequence[Record]) -> list[Record]:
    """One record of each measurement, the last."""
    found = {
        (each["benchmark"], *(each[key] for key in _KEYS[each["benchmark"]])): each
        for each in records
        if each["benchmark"] in _KEYS
    }
    return list(found.values())


def page(
    records: Sequence[Record], drawn: Sequence[tuple[str, str, str]] = (), notes: str = ""
) -> str:
    """The whole page; ``drawn`` are (file, title, caption) of the plots."""
    of = {name: [each for each in records if each["benchmark"] == name] for name in _KEYS}
    attempts = [Attempt.from_dict(each) for each in of["ladder"]]
    measured = [Phases.from_dict(each) for each in of["phases"]]
    scores = [Score.from_dict(each) for each in of["families"]]
    reached = (
        targets.of_ladder(attempts)
        + targets.of_phases(measured)
        + targets.of_families([s for s in scores if s.engine == targets.FAMILY_ENGINE])
    )
    parts = [
        "# Benchmark results",
        "Written by `python -m benchmarks report`. Do not edit this page: edit `notes.md` and run "
        "the command again. What is measured, and how, is in "
        "[CONTRIBUTING](../CONTRIBUTING.md#benchmarks).",
        _origins(records),
        *_section("Targets", _targets(reached)),
        *_section("The ladder", _ladder(attempts, drawn)),
        *_section("Public instances", _families(scores)),
        *_section("Before the solver", _phases(measured)),
        *_section("Notes", notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def contradictions(attempts: Sequence[Attempt]) -> list[str]:
    """Bounds above a plan that another attempt has at the same network, both judged and proven."""
    found = []
    key: Callable[[Attempt], Any] = lambda each: (each.size, each.kind, each.seed)  # noqa: E731
    for (size, kind, seed), of in groupby(sorted(attempts, key=key), key=key):
        sure = [each for each in of if each.counts and each.coverage_proven]
        for one in sure:
            for other in sure:
                if one.bound is None or other.best is None:
                    continue
                if one.bound > other.best + _BOUND_TOLERANCE * abs(other.best):
                    found.append(
                        f"{size:,} {kind}, seed {seed}: the bound {one.bound:,.2f} of {one.engine} "
                        f"is above the plan of {other.best:,.2f} by {other.engine}"
                    )
    return found


def _section(title: str, body: str) -> list[str]:
    return [f"## {title}", body] if body else []


def _origins(records: Sequence[Record]) -> str:
    """Where the records come from: all different values, of which there should be one."""
    if not records:
        return "There are no results yet."
    machines = _different(
        f"{m['processor']}, {m['cores']} cores, {m['memory_bytes'] / GIB:.0f} GiB, {m['system']}"
        for m in (each["machine"] for each in records)
    )
    versions = _different(
        ", ".join(f"{name} {number}" for name, number in each["versions"].items())
        for each in records
    )
    dates = sorted(each["date"] for each in records)
    seeds = sorted({each["seed"] for each in records})
    rows = {
        "date": dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
        "commit": _different(each["commit"] for each in records),
        "machine": machines,
        "versions": versions,
        "seeds": ", ".join(map(str, seeds)),
        "threads": ", ".join(map(str, sorted({each["threads"] for each in records}))),
    }
    return "\n".join(f"- {name}: {text}" for name, text in rows.items())


def _different(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _targets(reached: Sequence[TargetResult]) -> str:
    if not reached:
        return ""
    met = sum(each.is_met for each in reached)
    engines = f"engine `{targets.ENGINE}`, on public instances `{targets.FAMILY_ENGINE}`"
    return f"{met} of {len(reached)} targets met; {engines}.\n\n" + _table(
        ("target", "required", "reached", "result", "based on"),
        [
            (
                each.what,
                f"{'≥' if each.at_least else '≤'} {_amount(each.target, each.unit)}",
                _amount(each.reached, each.unit),
                _met_or_missed(each),
                each.remark,
            )
            for each in reached
        ],
    )


def _met_or_missed(each: TargetResult) -> str:
    if each.is_met:
        return "met"
    if each.reached is None:
        return "**missed: nothing proven**" if "proven gap" in each.what else "**missed**"
    by = abs(each.reached - each.target)
    points = " points" if each.unit == "%" else ""
    amount = f"{by * 100:.2g}" if each.unit == "%" else _amount(by, each.unit)
    return f"**missed by {amount}{points}**"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return formatting.NONE
    if unit == "%":
        # Adding 0 turns a rounded −0 into 0.
        text = f"{round(value * 100, 4) + 0.0:.4f}".rstrip("0").rstrip(".")
        return f"{text} %"
    return f"{value / GIB:.2f} GiB" if unit == "GiB" else f"{value:.1f} s"


def _ladder(attempts: Sequence[Attempt], drawn: Sequence[tuple[str, str, str]]) -> str:
    if not attempts:
        return ""
    wrong = contradictions(attempts)
    judged = [each for each in attempts if each.judged is not None]
    failed = [each for each in attempts if each.failed]
    lines = [
        f"{len(attempts)} attempts; {sum(each.counts for each in judged)} of {len(judged)} plans "
        "passed the check. Figures are medians over the seeds. *Gap* is between an engine's own "
        "plan and its own bound; it is shown only where the plan passed the check and its coverage "
        "is proven. *To best bound* is between the plan and the highest bound that any engine "
        "proved. *Unmet* is how much more demand the plan leaves unmet, by weight, than the plan "
        "that covers most."
    ]
    if wrong:
        lines.append("**Bounds above the plan of another engine:**\n\n" + _bullets(wrong))
    for kind in dict.fromkeys(each.kind for each in attempts):
        lines.append(f"### {kind.capitalize()} networks")
        lines.append(_rungs([each for each in attempts if each.kind == kind]))
    lines += [f"![{title}]({file})\n\n*{title}: {caption}.*" for file, title, caption in drawn]
    if failed:
        lines.append(
            "Failed attempts:\n\n"
            + _bullets(
                f"{each.size:,} {each.kind}, seed {each.seed}, {each.engine}: {each.failed}"
                for each in failed
            )
        )
    return "\n\n".join(lines)


def _rungs(attempts: Sequence[Attempt]) -> str:
    """Rows of one kind: size by engine, in the order in which they were tried."""
    best_bound, least = _best_bounds(attempts), _least_unmet(attempts)
    order = {
        (each.size, each.time_limit_s, each.engine): None
        for each in sorted(attempts, key=lambda each: (each.size, each.time_limit_s))
    }
    rows = []
    for size, limit, engine in order:
        of = [
            each
            for each in attempts
            if (each.size, each.time_limit_s, each.engine) == (size, limit, engine)
        ]
        plans = [each for each in of if each.counts]
        extra = [each.unmet - least[_network(each)] for each in plans if each.unmet is not None]
        covers = [
            each
            for each in plans
            if each.unmet is not None and each.unmet <= least[_network(each)] + SAME_COVERAGE
        ]
        rows.append(
            (
                f"{size:,}",
                f"{limit:g}",
                f"`{engine}`",
                f"{len(plans)}/{len(of)}",
                _middle([each.best for each in covers], len(of), formatting.money),
                _middle([each.bound for each in covers], len(of), formatting.money),
                _middle([each.proven_gap for each in plans], len(of), _percent),
                _middle(
                    [_above(each.best, best_bound.get(_network(each))) for each in covers],
                    len(of),
                    _percent,
                ),
                _middle(extra, len(of), lambda value: formatting.quantity(round(value, 3))),
                _middle([each.first_plan_s for each in covers], len(of), _seconds),
                _middle([each.solve_s for each in of], len(of), _seconds),
                _middle([each.peak_bytes for each in of], len(of), lambda b: f"{b / GIB:.2f}"),
            )
        )
    head = ("candidates", "limit, s", "engine", "valid plans", "best", "bound", "gap")
    return _table(
        (*head, "to best bound", "unmet", "first plan, s", "time, s", "peak, GiB"), rows, right=True
    )


def _network(each: Attempt) -> tuple[int, str, int]:
    return each.size, each.kind, each.seed


def _best_bounds(attempts: Sequence[Attempt]) -> dict[tuple[int, str, int], float]:
    found: dict[tuple[int, str, int], float] = {}
    for each in attempts:
        if each.counts and each.coverage_proven and each.bound is not None:
            key = _network(each)
            found[key] = max(found.get(key, each.bound), each.bound)
    return found


def _least_unmet(attempts: Sequence[Attempt]) -> dict[tuple[int, str, int], float]:
    found: dict[tuple[int, str, int], float] = {}
    for each in attempts:
        if each.counts and each.unmet is not None:
            key = _network(each)
            found[key] = min(found.get(key, each.unmet), each.unmet)
    return found


def _above(best: float | None, bound: float | None) -> float | None:
    return None if best is None or bound is None else (best - bound) / max(abs(best), 1e-10)


def _middle(values: Sequence[float | None], of: int, shown: Callable[[float], str]) -> str:
    """The median, and of how many runs if not of all."""
    there = [value for value in values if value is not None]
    if not there:
        return formatting.NONE
    return shown(median(there)) + (f" ({len(there)} of {of})" if len(there) < of else "")


def _families(scores: Sequence[Score]) -> str:
    lines = []
    for engine in dict.fromkeys(each.engine for each in scores):
        of = [each for each in scores if each.engine == engine]
        wrong = [each for each in of if not (each.judged_ok and each.sound)]
        rows = []
        for limit in sorted({each.time_limit_s for each in of}):
            tried = [each for each in of if each.time_limit_s == limit]
            rows += [_mean_row(limit, each) for each in means(tried)]
        lines.append(f"### `{engine}`")
        lines.append(
            _table(
                (
                    "group",
                    "limit, s",
                    "instances",
                    "plans",
                    "mean gap to best known",
                    "worst",
                    "proven optimal",
                    "mean time, s",
                ),
                rows,
            )
        )
        if wrong:
            lines.append(
                "**Plan failed the check, or value impossible:** "
                + ", ".join(f"{each.family} {each.instance}" for each in wrong)
            )
    return "\n\n".join(lines)


def _mean_row(limit: float, each: Mean) -> tuple[str, ...]:
    return (
        each.name,
        f"{limit:g}",
        str(each.num_instances),
        f"{each.num_plans}/{each.num_runs}",
        _amount(each.gap_to_best_known, "%"),
        _amount(each.worst, "%"),
        f"{each.proven:.0%}",
        f"{each.seconds:.1f}",
    )


def _phases(measured: Sequence[Phases]) -> str:
    if not measured:
        return ""
    rows = [
        (
            f"{each.size:,}",
            each.kind,
            *(f"{each.seconds[step]:.2f}" for step in STEPS),
            f"{each.to_formulation_s:.2f}",
            f"{max(each.peak_bytes[step] for step in STEPS[:4]) / GIB:.2f}",
            f"{each.columns:,} × {each.rows:,}",
            each.dominant,
        )
        for each in sorted(measured, key=lambda each: (each.size, each.kind, each.seed))
    ]
    return (
        "Seconds for each step from Parquet files to a program, and for its hand-over to another "
        "process; peak memory up to the formulation.\n\n"
        + _table(
            (
                "candidates",
                "kind",
                *STEPS,
                "to formulation",
                "peak, GiB",
                "columns × rows",
                "most time in",
            ),
            rows,
            right=True,
        )
    )


def _percent(value: float) -> str:
    return _amount(value, "%")


def _seconds(value: float) -> str:
    return f"{value:.1f}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    rule = ["--:" if right else "---"] * len(head)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))
