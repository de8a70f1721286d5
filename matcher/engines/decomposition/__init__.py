"""Decomposition: an engine for programs that fall apart once what couples them has a price."""

from matcher.engines.decomposition.compilation import compile_kernels, kernels_are_compiled
from matcher.engines.decomposition.engine import DecompositionEngine, sizes_of_blocks

__all__ = ["DecompositionEngine", "compile_kernels", "kernels_are_compiled", "sizes_of_blocks"]
