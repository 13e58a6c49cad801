"""The record of a run: one JSON file with everything measured, and a table beside it, rewritten as results come in."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import table

Entry = dict[str, Any]

# What tells the entries of a section apart: a new one replaces the old one of the same name.
SECTIONS = {
    "speed": ("task", "dim", "threads"),
    "vocabulary": ("program",),
    "epochs": ("program", "threads"),
    "accuracy": ("program", "task", "dim", "epochs", "threads", "seed"),
}


class Record:
    """Adds to the day's record where machine, versions and settings are the same, else begins another file."""

    def __init__(self, folder: Path, date: str, header: Entry) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            self.path = folder / (f"{date}-words.json" if number == 1 else f"{date}-words-{number}.json")
            self._content = json.loads(self.path.read_text()) if self.path.exists() else {"date": date, **header}
            if _agree(self._content, header):
                break
        self._content["programs"] |= header["programs"]
        self._content["corpora"] |= header["corpora"]

    def put(self, section: str, entry: Entry) -> None:
        """Adds one result and writes both files, so that an interrupted run keeps what it has."""
        name = _name(section, entry)
        entries = self._content.setdefault(section, [])
        entries[:] = [*(old for old in entries if _name(section, old) != name), json.loads(json.dumps(entry))]
        self.path.write_text(json.dumps(self._content, indent=1) + "\n")
        self.path.with_suffix(".md").write_text(self.markdown())

    def markdown(self) -> str:
        return table.markdown(self._content)


def _name(section: str, entry: Entry) -> tuple[Any, ...]:
    return tuple(entry[key] for key in SECTIONS[section])


def _agree(content: Entry, header: Entry) -> bool:
    same = all(content[key] == header[key] for key in ("machine", "settings"))
    shared_programs = content["programs"].keys() & header["programs"].keys()
    return same and all(content["programs"][name] == header["programs"][name] for name in shared_programs)
