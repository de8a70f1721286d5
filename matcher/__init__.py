"""Supplier matcher: assigns component demands to suppliers and proves how good the plan is.

>>> import matcher
>>> network = matcher.read("examples/first-steps")
>>> plan = matcher.solve(network)
>>> matcher.check(network, plan).ok
True
"""

from matcher.errors import InputError
from matcher.explain import explain_demand, explain_supplier, why
from matcher.explain.presolve import presolve_checks
from matcher.explain.rule_costs import explain_rules
from matcher.frontier import frontier
from matcher.generate import generate
from matcher.judge import Judgement, check
from matcher.network import Network
from matcher.plan import Plan
from matcher.plan.files import read_plan
from matcher.read import network_from_tables, read
from matcher.report import report
from matcher.solve import solve
from matcher.solve.export import export
from matcher.write import template, write

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "Judgement",
    "Network",
    "Plan",
    "check",
    "explain_demand",
    "explain_rules",
    "explain_supplier",
    "export",
    "frontier",
    "generate",
    "network_from_tables",
    "presolve_checks",
    "read",
    "read_plan",
    "report",
    "solve",
    "template",
    "why",
    "write",
]
