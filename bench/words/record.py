"""The record of words: programs and corpora may be added to it."""

from typing import Any

import layout  # noqa: F401  (makes bench/common known)
from common import record

Entry = dict[str, Any]

# What tells the entries of a section apart.
SECTIONS = {
    "speed": ("task", "dim", "threads"),
    "vocabulary": ("program",),
    "epochs": ("program", "threads"),
    "accuracy": ("program", "task", "dim", "epochs", "threads", "seed"),
}


class Record(record.Record):
    """Where machine and settings are the same, and programs of the same name have the same version."""

    @staticmethod
    def agrees(content: Entry, header: Entry) -> bool:
        same = all(content[key] == header[key] for key in ("machine", "settings"))
        both = content["programs"].keys() & header["programs"].keys()
        return same and all(content["programs"][name] == header["programs"][name] for name in both)

    @staticmethod
    def adopt(content: Entry, header: Entry) -> None:
        for name in ("programs", "corpora"):
            content[name] |= header[name]
