"""The parts of a readable record: its head, tables, figures with their spread."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Entry = dict[str, Any]
Render = Callable[[list[Entry]], list[str]]

OURS = "vecinity"


def page(head: Sequence[str], sections: Mapping[str, Render], record: Entry) -> str:
    """A whole record: its head, and the sections that it has."""
    lines = list(head)
    for name, render in sections.items():
        if record.get(name):
            lines += ["", *render(record[name])]
    return "\n".join(lines) + "\n"


def head(title: str, record: Entry, versions: Iterable[str]) -> list[str]:
    """What was measured when, on which machine, with which programs."""
    machine = record["machine"]
    return [
        f"# {title}, {record['date']}",
        "",
        f"Machine: {machine['cpu']} (family/model {machine['cpu_family_model']}), {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {', '.join(machine['flags'])}; {machine['system']}.",
        f"Programs: {', '.join(versions)}.",
    ]


def listed(settings: Entry) -> str:
    """Settings in one line."""
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = (header, ["---"] * len(header), *rows)
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    """Three digits that count, thousands with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(usage: str | None, markdown: Callable[[Entry], str]) -> None:
    """The program of a table: prints the record that its argument names."""
    if len(sys.argv) != 2:
        raise SystemExit(usage)
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")
