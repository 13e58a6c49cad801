"""The record of a run: one JSON file with everything measured, and a table beside it, rewritten as results come in."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import table

Entry = dict[str, Any]

# What tells the entries of a section apart: a new one replaces the old one of the same name.
SECTIONS = {
    "train": ("task",),
    "baselines": ("model", "threads"),
    "read": ("format", "rows", "threads"),
    "evaluate": ("items", "queries", "threads"),
    "neighbours": ("rows", "dim", "threads"),
}


class Record:
    """Adds to the day's record where machine and versions are the same, else begins another file."""

    def __init__(self, folder: Path, date: str, header: Entry) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            self.path = folder / (f"{date}-items.json" if number == 1 else f"{date}-items-{number}.json")
            self._content = json.loads(self.path.read_text()) if self.path.exists() else {"date": date, **header}
            if all(self._content[key] == header[key] for key in header):
                break

    def put(self, section: str, entry: Entry) -> None:
        """Adds one result and writes both files, so that an interrupted run keeps what it has."""
        name = [entry[key] for key in SECTIONS[section]]
        entries = self._content.setdefault(section, [])
        others = [old for old in entries if [old[key] for key in SECTIONS[section]] != name]
        entries[:] = [*others, json.loads(json.dumps(entry))]
        self.path.write_text(json.dumps(self._content, indent=1) + "\n")
        self.path.with_suffix(".md").write_text(self.markdown())

    def markdown(self) -> str:
        return table.markdown(self._content)
