"""Proven bounds: prices for what couples, knapsacks at these prices, branching over facilities."""
