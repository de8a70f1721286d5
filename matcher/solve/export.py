"""Hand the program of a network to any solver, as an LP or MPS file."""

from __future__ import annotations

from pathlib import Path

from matcher.engines.pulp import write_model
from matcher.formulation import formulate
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.screening.candidates import screen


def export(network: Network, path: str | Path) -> None:
    """Write the network's program, least landed cost at full coverage where that is possible.

    The objective is landed cost plus a weight on unmet demand that outweighs it, so that one
    file carries both objectives in order; quantities are shares of their demand.

    Parameters
    ----------
    path
        Ends in ``.lp`` or ``.mps``.

    Examples
    --------
    >>> import matcher, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.lp"
    >>> matcher.export(matcher.read("examples/first-steps"), path)
    >>> "capacity" in path.read_text()
    True
    """
    arrays = to_arrays(network)
    formulation = formulate(arrays, screen(arrays).candidates)
    write_model(formulation.weighted_program(), Path(path))
