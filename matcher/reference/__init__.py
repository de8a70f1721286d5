"""Reference data shipped with the package, each with its source.

One module per kind of fact; ``data/SOURCES.md`` names where every file and column comes from.
A network overrides all of it by its own tables (see ``docs/reference-data.md``).
"""
