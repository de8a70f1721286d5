"""Reports of a plan: Markdown, an XLSX workbook, or one HTML page with charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matcher.errors import InputError, Issue
from matcher.network import Network
from matcher.plan import Plan
from matcher.report.html import to_html
from matcher.report.markdown import to_markdown
from matcher.report.summary import Summary, summarize
from matcher.report.xlsx import to_xlsx

__all__ = ["report", "to_html", "to_markdown", "to_xlsx"]


_OF_SUFFIX: dict[str, Callable[[Summary], str | bytes]] = {
    ".md": to_markdown,
    ".xlsx": to_xlsx,
    ".html": to_html,
}


def report(network: Network, plan: Plan, path: str | Path) -> None:
    """Write a report of a plan: the verdict first, then findings ranked by money.

    Parameters
    ----------
    plan
        Made by `matcher.solve`, or by hand: what it leaves out is computed from the network.
    path
        Where to; the suffix ``.md``, ``.xlsx`` or ``.html`` names the format.

    Raises
    ------
    InputError
        The suffix is none of these, the file cannot be written, or an award names something that
        the network does not have.

    Examples
    --------
    >>> import matcher, tempfile, pathlib
    >>> network = matcher.read("examples/first-steps")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.md"
    >>> matcher.report(network, matcher.solve(network), path)
    >>> "landed" in path.read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    write = _OF_SUFFIX.get(path.suffix.lower())
    if write is None:
        raise InputError(
            [
                Issue(
                    code="unknown_format",
                    table=str(path),
                    value=path.suffix or None,
                    problem="is not a file format of a report",
                    fix=f"end the file name in one of {', '.join(_OF_SUFFIX)}",
                )
            ]
        )
    content = write(summarize(network, plan))
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(
            [
                Issue(
                    code="unwritable",
                    table=str(path),
                    problem=f"cannot be written: {(error.strerror or str(error)).lower()}",
                    fix="check the path, and close the file if it is open in another program",
                )
            ]
        ) from None
