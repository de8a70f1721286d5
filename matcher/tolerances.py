"""How far two numbers may be apart and still count as the same, each with its reason.

All are relative unless stated. They stand in an order that has to hold: a solver is stricter than
what a plan may state, and that is stricter than what a plan is refused for.
"""

from __future__ import annotations

from typing import Final

ROUNDING: Final = 1e-9
"""Sums of floating-point numbers: far above what adding a million of them loses, far below anything
that a person would state. Gates, steps of order multiples, whole days and cells are held to it."""

MISSED: Final = 1e-8
"""A target counts as missed by more than this share of its largest coefficient: below is rounding,
for which nobody should pay. Less than `NOISE`, so that nothing is bought of what is allowed."""

NOISE: Final = 1e-7
"""What solvers take for zero (their feasibility tolerance, absolute). A share below it is no award,
and a plan that breaks its program by less, its integers exact, is left as it is."""

STATED: Final = 1e-6
"""How far a plan may be off in what it states: quantities by this share of their demand, money and
days by this share of themselves. The judge, tiers that are reached, coverage and bounds use it. It
is ten times what a solver is held to, so that no plan of a solver is refused for rounding."""

BELOW_STEP: Final = 2e-6
"""Where a discount falls at a step, the one before it ends this far below: further than `STATED`,
by which a quantity may lie below a step and still reach it."""

TAKEN: Final = 1e-5
"""A solution of a solver that breaks its program by more than this is not taken."""

BOUND_ABOVE: Final = 1e-4
"""A bound above a feasible plan by no more than this is what a solver's tolerances are worth, and
is lowered to the plan; one that is further above is dropped."""
