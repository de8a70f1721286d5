"""Adapters: public data sets made into networks."""

from matcher.generate.adapters.scms import scms_network
from matcher.generate.adapters.scms_history import Comparison, compare, scms_history

__all__ = ["Comparison", "compare", "scms_history", "scms_network"]
