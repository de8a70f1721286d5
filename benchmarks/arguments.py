"""The arguments of a call: lists of several words, and numbers within limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import typer

LISTS = ("--sizes", "--kinds", "--engines", "--seeds")
PRINTED = "-"
"""The value of ``--json`` without a file."""


def spread(words: Sequence[str]) -> list[str]:
    """The words of a call as Typer reads them, which takes one value after each option.

    A list may be divided by commas or blanks; here each of its values gets the option before it.
    ``--json`` may stand without a file, but for ``gates``, which never takes one.

    Examples
    --------
    >>> spread(["ladder", "--sizes", "400", "800,900", "--json", "--threads", "1"])
    ['ladder', '--sizes=400', '--sizes=800', '--sizes=900', '--json=-', '--threads', '1']
    """
    left, found = deque(words), list[str]()
    while left:
        word = left.popleft()
        option, _, value = word.partition("=")
        if option in LISTS:
            values = [value]
            while left and not _is_option(left[0]):
                values.append(left.popleft())
            parts = [part for value in values for part in value.split(",") if part]
            if not parts:
                return [*found, option]  # as the last word, so that Typer misses its value
            found += [f"{option}={part}" for part in parts]
        elif word == "--json" and words[0] != "gates" and not (left and not _is_option(left[0])):
            found.append(f"--json={PRINTED}")
        else:
            found.append(word)
    return found


def _is_option(word: str) -> bool:
    # None has a short name, so that -1 and - are values.
    return word.startswith("--")


def whole_number(low: int, high: int) -> Callable[[str | int], int]:
    """A parser of whole numbers within these limits, for words and for default values."""

    def parse(value: str | int) -> int:
        text = str(value)
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise typer.BadParameter(f"'{text}' is not a whole number from {low:,} to {high:,}")

    return parse


def number(low: float, high: float) -> Callable[[str | float], float]:
    """A parser of numbers within these limits, for words and for default values."""

    def parse(value: str | float) -> float:
        try:
            found = float(value)
        except ValueError:
            found = float("nan")
        if low <= found <= high:
            return found
        raise typer.BadParameter(f"'{value}' is not a number from {low:,g} to {high:,g}")

    return parse
