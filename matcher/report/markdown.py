"""The report as Markdown: compact, for a terminal, a chat or a repository."""

from __future__ import annotations

import re

from matcher.report.content import headline, judged, key_figures, proof, sections
from matcher.report.summary import Summary
from matcher.report.table import ReportTable

# Rows of a table; a page for reading, not for keeping.
LIMIT = 100
# Whatever could start markup, a link or an HTML tag inside a name.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~])")


def to_markdown(summary: Summary) -> str:
    """The report as Markdown text."""
    lines = [
        f"# {_safe(summary.network.name)}",
        "",
        f"**{_safe(headline(summary))}**",
        "",
        f"Independent check: {_safe(judged(summary))}",
        "",
        proof(summary),
        "",
    ]
    lines += [
        f"- {label}: {figure} ({_safe(remark)})" for label, figure, remark in key_figures(summary)
    ]
    for section in sections(summary):
        lines += ["", f"## {section.title}"]
        for sentence in section.sentences:
            lines += ["", _safe(sentence)]
        for table in section.tables:
            lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: ReportTable) -> list[str]:
    lines = [
        f"{table.caption}:",
        "",
        "| " + " | ".join(column.label for column in table.columns) + " |",
        "|"
        + "|".join("---" if column.kind in ("text", "date") else "---:" for column in table.columns)
        + "|",
    ]
    lines += ["| " + " | ".join(_safe(cell) for cell in row) + " |" for row in table.texts(LIMIT)]
    shown = table.on_page(LIMIT)
    if table.frame.height > shown:
        lines += [
            "",
            f"The first {shown:,} of {table.frame.height:,} rows are shown; the XLSX report has "
            "all of them.",
        ]
    return lines


def _safe(text: str) -> str:
    """A text that stays on its line and in its cell, and is no markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
