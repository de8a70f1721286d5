"""Engines: everything that minimises a neutral program."""
