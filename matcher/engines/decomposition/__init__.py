"""Decomposition: an engine for programs that fall apart once what couples them has a price."""

from matcher.engines.decomposition.engine import DecompositionEngine, largest_piece

__all__ = ["DecompositionEngine", "largest_piece"]
