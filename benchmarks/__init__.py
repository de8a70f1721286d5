"""Benchmarks: how fast, how large and how close to published optima. ``python -m benchmarks``."""
