"""Runs the commands of a program in a work folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import layout
from corpus import Corpus
from measure import Usage, run
from programs import Program, Setting


@contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder under the cache, removed afterwards."""
    layout.WORK.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=layout.WORK))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def train(program: Program, setting: Setting, corpus: Corpus, inside: Path) -> Usage:
    """Trains inside a work folder."""
    return run(program.train(setting, relative(corpus.path, inside)), inside).usage


def train_and_forget(program: Program, setting: Setting, corpus: Corpus) -> Usage:
    """Trains for the times alone."""
    with folder() as inside:
        return train(program, setting, corpus, inside)


def relative(path: Path, inside: Path) -> str:
    """The short name of a file as seen from a work folder: word2vec.c takes no long ones."""
    return os.path.relpath(path, inside)
