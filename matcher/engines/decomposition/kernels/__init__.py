"""Compiled kernels that bounds and searches share, and how hot loops are compiled."""
