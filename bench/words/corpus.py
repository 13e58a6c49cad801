"""The corpora of the shared folder, unpacked once into the cache."""

import gzip
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import layout

CHUNK = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """An unpacked corpus. `words` counts the tokens between white space, whatever a program later drops of them."""

    name: str
    bytes: int
    words: int
    lines: int
    sha256: str

    @property
    def path(self) -> Path:
        return _text_path(self.name)


def prepare(name: str) -> Corpus:
    """Unpacks `data/text/NAME.txt.gz` of the shared folder unless that is done already."""
    facts = layout.CORPORA / f"{name}.json"
    if not facts.exists():
        facts.write_text(json.dumps(asdict(_unpack(name)), indent=1))
    return Corpus(**json.loads(facts.read_text()))


def _text_path(name: str) -> Path:
    return layout.CORPORA / f"{name}.txt"


def _unpack(name: str) -> Corpus:
    layout.CORPORA.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = words = lines = 0
    inside_word = False
    with gzip.open(layout.shared() / "data" / "text" / f"{name}.txt.gz") as packed, _text_path(name).open("wb") as text:
        while chunk := packed.read(CHUNK):
            text.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            words += len(chunk.split()) - int(inside_word and not chunk[:1].isspace())
            inside_word = not chunk[-1:].isspace()
    return Corpus(name, size, words, lines, digest.hexdigest())
