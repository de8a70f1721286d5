"""From demands and bids to candidates: transport, dates, landed cost, metrics and gates.

The stations are modules of their own; the judge uses some of them and must not reach the others.
"""
