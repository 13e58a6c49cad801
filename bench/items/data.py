"""The training lines of the shared logs, made once; the generated log."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import children
import layout


@dataclass(frozen=True)
class Lines:
    """A history or basket a line: the training part of a split of the shared scorer."""

    name: str
    kind: str
    tokens: int
    lines: int
    longest: int

    @property
    def path(self) -> Path:
        return layout.DATA / f"{self.name}.txt"

    @property
    def asked(self) -> Path:
        """Whom to recommend to: a user, a tab, and the history before the test."""
        return layout.DATA / f"{self.name}.asked.tsv"


def lines(name: str, protocol: str) -> Lines:
    """The training part of a split by the shared scorer, made in a child process unless that is done already.

    (This program stays small: the kernel counts its memory as that of the processes it starts.)
    """
    facts = layout.DATA / f"{name}.json"
    if not facts.exists():
        layout.DATA.mkdir(parents=True, exist_ok=True)
        with children.folder() as inside:
            children.python("split.py", [str(layout.scorer()), name, protocol, str(facts)], inside)
    return Lines(**json.loads(facts.read_text()))


@dataclass(frozen=True)
class Log:
    """The generated event log."""

    rows: int
    users: int
    items: int
    seed: int = 1

    def file(self, ending: str) -> Path:
        """The log as `csv` or `parquet`; both are generated if they are not there."""
        stem = layout.DATA / f"log-{self.rows}-{self.users}-{self.items}-{self.seed}"
        csv, parquet = stem.with_suffix(".csv"), stem.with_suffix(".parquet")
        if not (csv.exists() and parquet.exists()):
            layout.DATA.mkdir(parents=True, exist_ok=True)
            parts = [csv.with_suffix(".csv.part"), parquet.with_suffix(".parquet.part")]
            numbers = [f"--{name}={value}" for name, value in asdict(self).items()]
            with children.folder() as inside:
                children.python("generate.py", [*map(str, parts), *numbers], inside, threads=os.cpu_count() or 1)
            for part in parts:
                part.replace(part.with_suffix(""))
        return stem.with_suffix(f".{ending}")
