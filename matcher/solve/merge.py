"""One plan of a network from the plans of its subnetworks.

Nothing that is decided in one subnetwork bears on another, so the least coverage loss and cost of
the whole are the sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import polars as pl

from matcher.errors import InputError, Issue
from matcher.evaluation import Evaluation, evaluate
from matcher.evaluation.awards import understand
from matcher.formatting import count
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.plan import UNMET_SCHEMA, CorrectionSet, Coverage, Plan, Reached, Result, Run
from matcher.status import SolutionStatus, TerminationReason, gap
from matcher.tolerances import STATED

# From best to worst: what is found of the whole is the worst that is found of a subnetwork.
WORSE: tuple[SolutionStatus, ...] = ("optimal", "feasible", "none", "infeasible")
# From least to most telling: why the search of the whole stopped.
TELLING: tuple[TerminationReason, ...] = (
    "proved",
    "gap_limit",
    "time_limit",
    "cancelled",
    "memory_limit",
    "crashed",
)
# So many different things that engines said of subnetworks are told of the whole.
_MOST_TOLD = 3


def merge(network: Network, subnetworks: Sequence[Network], plans: Sequence[Plan]) -> Plan:
    """One plan of a network from the plans of its subnetworks.

    Parameters
    ----------
    subnetworks
        What `subnetworks_of` made of the network.
    plans
        A plan of each, in the same order, as `matcher.solve` made it.

    Returns
    -------
    Plan
        As a solve of the whole would state it.

        - Found is the worst of the subnetworks: optimal only if every subnetwork is, and no plan at
          all if a subnetwork has none. Why the search stopped is the most telling reason of those
          subnetworks. What to relax where a subnetwork has no plan is what to relax there, at the
          cost of the whole.
        - Costs, objectives and the figures of rules are evaluated for the whole. Coverage is a sum.
          So is the bound, if every subnetwork has one and is proven to cover as much as can be;
          otherwise there is none, as a plan that covers more of one subnetwork may cover less of
          another, and cost less. ``detail`` then has the sum.
        - ``run`` adds up candidates and seconds: these are seconds of work, not of waiting, as
          subnetworks may be solved side by side. Threads and limits are the largest of any
          subnetwork. Where engines or versions differ, all are named.

    Raises
    ------
    InputError
        Plans and subnetworks do not belong together, or a plan has no result.

    Examples
    --------
    >>> import matcher
    >>> from matcher.network.split import subnetworks_of
    >>> network = matcher.read("examples/first-steps")
    >>> subnetworks = subnetworks_of(network)
    >>> plans = [matcher.solve(each, gap_limit=0.0) for each in subnetworks]
    >>> plan = merge(network, subnetworks, plans)
    >>> plan.result.solution_status, matcher.check(network, plan).ok
    ('optimal', True)
    """
    results = _results(network, subnetworks, plans)
    if plans[0].input_hash == network.input_hash:
        return plans[0]  # the one subnetwork of a network that does not fall apart
    found = max((result.solution_status for result in results), key=WORSE.index)
    deciding = [result for result in results if result.solution_status == found]
    result = Result(
        solution_status=found,
        termination_reason=max((each.termination_reason for each in deciding), key=TELLING.index),
        detail=_told([each.detail for each in deciding]),
        correction_sets=_correction_sets(results) if found == "infeasible" else (),
    )
    awards = pl.concat(plan.awards for plan in plans).sort("demand", maintain_order=True)
    suppliers = pl.concat(_made(plan.suppliers) for plan in plans).sort("supplier")
    rules = None
    if found in ("infeasible", "none"):
        awards, suppliers = awards.clear(), suppliers.clear()
        without = [p for p, each in zip(plans, results, strict=True) if each.coverage is None]
        unmet = _all_unmet(network, pl.concat(_made(plan.unmet) for plan in without))
    else:
        unmet = pl.concat(_made(plan.unmet) for plan in plans).sort("demand")
        evaluation = _evaluated(network, awards)
        rules = evaluation.rules
        result = _found(result, results, evaluation, network.currency)
    return Plan(
        awards=awards,
        suppliers=suppliers,
        unmet=unmet,
        rules=rules,
        network=network.name,
        input_hash=network.input_hash,
        currency=network.currency,
        result=result,
        run=_run([plan.run for plan in plans if plan.run is not None]),
    )


def _results(
    network: Network, subnetworks: Sequence[Network], plans: Sequence[Plan]
) -> list[Result]:
    """The result of each plan, if plans, subnetworks and network belong together."""
    issues = []
    if len(subnetworks) != len(plans):
        issues.append(
            _issue(
                count(len(plans), "plan"),
                f"cannot be matched to {count(len(subnetworks), 'independent part')}",
                "give one plan for each part",
            )
        )
    demands = [subnetwork.demands["demand"] for subnetwork in subnetworks]
    together = pl.concat(demands) if demands else pl.Series([""])
    if not together.sort().equals(network.demands["demand"]):
        issues.append(
            _issue(
                count(len(subnetworks), "independent part"),
                f"cannot be the whole of '{network.name}': each demand has to be in one of them",
                "give all parts that subnetworks_of made of the network",
            )
        )
    results = []
    for subnetwork, plan in zip(subnetworks, plans, strict=False):
        if plan.input_hash != subnetwork.input_hash:
            issues.append(
                _issue(
                    str(plan.network),
                    f"is not a plan of '{subnetwork.name}'",
                    "give the plans in the order of the parts",
                )
            )
        elif plan.result is None or plan.suppliers is None or plan.unmet is None:
            issues.append(
                _issue(str(plan.network), "states no result", "give a plan made by matcher.solve")
            )
        else:
            results.append(plan.result)
    if issues:
        raise InputError(issues)
    return results


def _issue(value: str, problem: str, fix: str) -> Issue:
    return Issue(
        code="wrong_subnetworks", table="subnetworks", value=value, problem=problem, fix=fix
    )


def _made(frame: pl.DataFrame | None) -> pl.DataFrame:
    """A frame that every plan made by a solve has."""
    assert frame is not None
    return frame


def _evaluated(network: Network, awards: pl.DataFrame) -> Evaluation:
    """What all awards come to in the whole network, which may ask more than its subnetworks do."""
    arrays = to_arrays(network)
    made = understand(arrays, awards, [])
    return evaluate(arrays, made.links, made.options, made.quantity)


def _all_unmet(network: Network, unmet: pl.DataFrame) -> pl.DataFrame:
    """Every demand as unmet: a subnetwork without a plan leaves the whole without one."""
    return (
        network.demands.select("demand", "quantity", share=pl.lit(1.0))
        .join(unmet.select("demand", "reason"), on="demand", how="left", maintain_order="left")
        .with_columns(
            pl.col("reason").fill_null("another independent part of the network has no plan")
        )
        .select(*UNMET_SCHEMA)
    )


def _coverage(results: Sequence[Result]) -> Coverage:
    """Coverage loss of all subnetworks.

    Between loss and bound of a subnetwork that is proven lies only a solver's rounding, which must
    not add up over a thousand subnetworks: there the loss is the bound.
    """
    lost = [each.coverage for each in results if each.coverage is not None]
    return Coverage(
        unmet=math.fsum(each.unmet for each in lost),
        bound=math.fsum(each.unmet if each.proven else each.bound for each in lost),
        proven=all(each.proven for each in lost),
    )


def _told(details: Sequence[str]) -> str:
    """What the engines said of the subnetworks, the first few times."""
    different = list(dict.fromkeys(filter(None, details)))
    more = len(different) - _MOST_TOLD
    return "; ".join(different[:_MOST_TOLD] + [f"and {more} more"] * (more > 0))


def _correction_sets(results: Sequence[Result]) -> tuple[CorrectionSet, ...]:
    """Correction sets of the whole: one of each subnetwork that needs one, the others planned.

    None where a subnetwork was not planned, as nobody knows what that would cost.
    """
    stuck = [each.correction_sets for each in results if each.solution_status == "infeasible"]
    others = [each for each in results if each.solution_status != "infeasible"]
    covered = [each.coverage.unmet for each in others if each.coverage is not None]
    costs = [each.best for each in others if each.best is not None]
    if len(covered) < len(others) or len(costs) < len(others):
        return ()
    return tuple(
        CorrectionSet(
            rules=tuple(rule for way in ways for rule in way.rules),
            unmet=math.fsum([*covered, *(way.unmet for way in ways)]),
            cost=math.fsum([*costs, *(way.cost for way in ways)]),
        )
        for ways in zip(*stuck, strict=False)
    )


def _objectives(results: Sequence[Result], values: dict[str, float]) -> tuple[Reached, ...]:
    """What the whole reaches of each objective that every subnetwork was planned for.

    A sum of bounds is one only where each subnetwork has reached the most of what comes before.
    """
    found, is_proven = [], True
    for reached in zip(*(each.objectives for each in results), strict=False):
        bounds = [each.bound for each in reached if each.bound is not None]
        has_bound = is_proven and len(bounds) == len(reached)
        is_proven = is_proven and all(each.proven for each in reached)
        name = reached[0].objective
        found.append(
            Reached(
                objective=name,
                value=values[name],
                bound=math.fsum(bounds) if has_bound else None,
                proven=is_proven,
            )
        )
    return tuple(found)


def _found(
    result: Result, results: Sequence[Result], evaluation: Evaluation, currency: str
) -> Result:
    """The result with what the plan costs and covers, and what is proven of it."""
    costs, best, detail = evaluation.costs, evaluation.costs.total, result.detail
    coverage = _coverage(results)
    bounds = [each.bound for each in results if each.bound is not None]
    bound = math.fsum(bounds) if len(bounds) == len(results) else None
    if bound is not None and best < bound <= best + STATED * abs(best):
        bound = best
    if bound is not None and not coverage.proven:
        partial = (
            "no plan that covers as much of every independent part costs less than "
            f"{bound:,.2f} {currency}"
        )
        bound, detail = None, "; ".join(filter(None, (detail, partial)))
    return Result(
        solution_status=result.solution_status,
        termination_reason=result.termination_reason,
        coverage=coverage,
        objectives=_objectives(results, evaluation.reached),
        costs=costs,
        best=best,
        bound=bound,
        gap=gap(best, bound),
        detail=detail,
    )


def _run(runs: Sequence[Run]) -> Run | None:
    """How the plans were made, together."""
    if not runs:
        return None

    def named(values: Iterator[str]) -> str:
        return ", ".join(sorted(set(values)))

    packages = sorted({name for run in runs for name in run.versions})
    return Run(
        engine=named(run.engine for run in runs),
        engine_version=named(run.engine_version for run in runs),
        versions={
            name: named(run.versions[name] for run in runs if name in run.versions)
            for name in packages
        },
        seed=runs[0].seed,
        threads=max(run.threads for run in runs),
        time_limit_s=max(run.time_limit_s for run in runs),
        gap_limit=max(run.gap_limit for run in runs),
        candidates=sum(run.candidates for run in runs),
        seconds=math.fsum(run.seconds for run in runs),
    )
