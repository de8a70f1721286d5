"""The page of the architecture names every room and module, and none that is not there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

PAGE = Path("docs/architecture.md").read_text(encoding="utf-8")
ROW = re.compile(r"(?m)^\| (`[^|]+`) \|([^|]*)\| ")
HEADINGS = {
    "matcher": "## The rooms of `matcher`",
    "matcher/engines/decomposition": "### The engine `decomposition`",
    "worker": "| room of `worker`",
    "api": "| room of `api`",
}


def told(package: str) -> dict[str, set[str]]:
    """The modules of each room, as the table below a heading has them."""
    text = PAGE[PAGE.index(HEADINGS[package]) :]
    table = text[: text.index("\n\n", text.index("|---|---|---|"))]
    return {
        name.rstrip("/"): set(re.findall(r"`([\w/]+?)/?`", modules))
        for rooms, modules in ROW.findall(table)
        for name in re.findall(r"`([\w/]+)`", rooms)
    }


def there(package: str) -> dict[str, set[str]]:
    """The modules of each room, as they are."""
    return {
        entry.stem: set() if entry.is_file() else _inside(entry)
        for entry in Path(package).iterdir()
        if not entry.name.startswith(("_", "."))
        and (entry.suffix == ".py" or (entry.is_dir() and any(entry.glob("*.py"))))
    }


def _inside(folder: Path) -> set[str]:
    return {
        entry.stem
        for entry in folder.iterdir()
        if not entry.name.startswith("_")
        and (entry.suffix == ".py" or (entry.is_dir() and any(entry.rglob("*.py"))))
    }


@pytest.mark.parametrize("package", HEADINGS)
def test_the_page_has_the_rooms_that_are_there(package: str) -> None:
    assert told(package) == there(package)


def test_no_class_name_is_defined_twice() -> None:
    names = Counter(
        node.name
        for package in ("matcher", "worker", "api", "benchmarks")
        for path in Path(package).rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for page in [Path("README.md"), Path("CONTRIBUTING.md"), *Path("docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page}: {target}"


LONGEST = 60


def test_no_function_is_longer_than_a_screen_without_a_reason() -> None:
    """Lines of code, without the docstring; the reason is a comment ``# long: …`` above."""
    too_long = {}
    for package in ("matcher", "worker", "api", "benchmarks"):
        for path in Path(package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            lines = text.splitlines()
            for node in ast.walk(ast.parse(text)):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                first = node.body[1:] if ast.get_docstring(node) else node.body
                size = node.end_lineno - first[0].lineno + 1 if first else 0
                top = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                if size > LONGEST and not lines[top - 2].strip().startswith("# long: "):
                    too_long[f"{path}:{node.lineno} {node.name}"] = size
    assert too_long == {}
