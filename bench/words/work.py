"""Runs the commands of a program in a work folder of its own."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import layout
from common import places
from common.measure import Usage, run
from corpus import Corpus
from programs import Program, Setting


def folder() -> AbstractContextManager[Path]:
    """A fresh folder under the cache, removed afterwards."""
    return places.fresh(layout.WORK)


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
