"""Conflict: which stated rules leave a network without a plan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.arrays import Arrays
from matcher.candidates import Candidates
from matcher.figures import count
from matcher.formulation.builder import in_scope
from matcher.rules import Rule, rules_of


def conflict(
    arrays: Arrays, candidates: Candidates, holds: Callable[[tuple[Rule, ...]], bool | None]
) -> str:
    """Name the rule to relax first, or the few that contradict each other.

    A rule that asks for more suppliers than have a candidate is a cause of its own. Else rules are
    left out one by one: one whose absence changes nothing stays out, so what remains has no rule
    too many (the deletion filter of Chinneck and Dravnieks, ORSA Journal on Computing 3 (1991),
    157–168).

    Parameters
    ----------
    candidates
        Of the network, all of them.
    holds
        Whether a plan exists under some of the rules alone; ``None`` if that was not found out.
    """
    rules = rules_of(arrays.network.rules)
    alone = []
    for rule in rules:
        at_hand = np.unique(candidates.supplier[in_scope(arrays, candidates, rule)]).size
        if rule.minimum is not None and rule.minimum > at_hand:
            have = "has a bid" if at_hand == 1 else "have a bid"
            alone.append(
                f"rule '{rule.name}' asks for at least {count(rule.minimum, 'supplier')}, but "
                f"{at_hand or 'none'} {have} that passed every gate: lower its min, or ask explain "
                "what the others lack"
            )
    if alone:
        return "; ".join(alone)
    needed, certain = rules, True
    for rule in rules:
        fewer = tuple(other for other in needed if other is not rule)
        answer = holds(fewer) if fewer else True
        certain &= answer is not None
        if answer is False:
            needed = fewer
    names = " and ".join(f"'{rule.name}'" for rule in needed)
    if len(needed) == 1:
        return f"rule {names} cannot hold beside capacities and award sizes: relax it first"
    doubt = "" if certain else ", or some of them: there was no time to find out which"
    return f"rules {names} cannot hold together{doubt}; relax one of them"
