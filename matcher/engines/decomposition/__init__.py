"""Decomposition: an engine for programs that fall apart once what couples them has a price."""

from matcher.engines.decomposition.engine import DecompositionEngine, sizes_of_blocks

__all__ = ["DecompositionEngine", "sizes_of_blocks"]
