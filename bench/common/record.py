"""The record of a run: one JSON file with everything measured, and a table beside it, rewritten as results come in."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Record:
    """Adds to the day's record where the header is the same, else begins another file.

    * `name`: what is measured, as in `<date>-<name>.json`.
    * `sections`: of each section the keys that tell its entries apart: a new entry replaces the old one of the same.
    * `markdown`: makes the table.
    """

    def __init__(
        self,
        folder: Path,
        date: str,
        name: str,
        header: Entry,
        sections: Mapping[str, Sequence[str]],
        markdown: Callable[[Entry], str],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._sections = sections
        self._markdown = markdown
        for number in count(1):
            self.path = folder / (f"{date}-{name}.json" if number == 1 else f"{date}-{name}-{number}.json")
            self._content = json.loads(self.path.read_text()) if self.path.exists() else {"date": date, **header}
            if self.agrees(self._content, header):
                break
        self.adopt(self._content, header)

    @staticmethod
    def agrees(content: Entry, header: Entry) -> bool:
        """Whether results under this header belong into a record."""
        return all(content[key] == header[key] for key in header)

    @staticmethod
    def adopt(content: Entry, header: Entry) -> None:
        """Takes over what a header has beyond that of the record."""

    def put(self, section: str, entry: Entry) -> None:
        """Adds one result and writes both files, so that an interrupted run keeps what it has."""
        keys = self._sections[section]
        name = [entry[key] for key in keys]
        entries = self._content.setdefault(section, [])
        others = [old for old in entries if [old[key] for key in keys] != name]
        entries[:] = [*others, json.loads(json.dumps(entry))]
        self.path.write_text(json.dumps(self._content, indent=1) + "\n")
        self.path.with_suffix(".md").write_text(self.markdown())

    def markdown(self) -> str:
        """The table."""
        return self._markdown(self._content)
