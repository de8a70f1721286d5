"""Adapters: public data sets made into networks."""

from matcher.adapters.scms import scms_network
from matcher.adapters.scms_history import Comparison, compare, scms_history

__all__ = ["Comparison", "compare", "scms_history", "scms_network"]
