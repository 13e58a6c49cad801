"""Fetches the pinned sources of word2vec.c and fastText from PyPI and compiles them for this machine."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import layout

PINS = layout.BENCH / "peers-source.txt"

# The original has no seed: every run starts its generators at fixed numbers. These replacements add `-seed N` by
# shifting those starts; N = 1 shifts by nothing and leaves the program as it was, bit for bit.
SEED_PATCH = (
    ("int hs = 0, negative = 5;", "int hs = 0, negative = 5;\nunsigned long long seed_shift = 0;"),
    ("unsigned long long next_random = 1;", "unsigned long long next_random = 1 + seed_shift;"),
    ("unsigned long long next_random = (long long)id;", "unsigned long long next_random = (long long)id + seed_shift;"),
    (
        "  vocab = (struct vocab_word *)calloc(vocab_max_size,",
        """\
  if ((i = ArgPos((char *)"-seed", argc, argv)) > 0)
    seed_shift = (strtoull(argv[i + 1], NULL, 10) - 1) * 0x9E3779B97F4A7C15ULL;
  vocab = (struct vocab_word *)calloc(vocab_max_size,""",
    ),
)


@dataclass(frozen=True)
class Source:
    """A peer compiled here: which files of its source package, how, and with which mends."""

    package: str
    compiler: str
    flags: tuple[str, ...]
    sources: str
    patch: tuple[tuple[str, str], ...] = ()
    libraries: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        match = re.search(rf"^{self.package}==(\S+)", PINS.read_text(), re.MULTILINE)
        assert match, f"{self.package} is not pinned in {PINS.name}"
        return match.group(1)

    @property
    def recipe(self) -> str:
        """A digest of all that decides the binary, so that a changed recipe builds anew."""
        return hashlib.sha256(repr(self).encode() + self.version.encode()).hexdigest()[:12]


FAST = ("-Ofast", "-march=native", "-funroll-loops", "-pthread")
WORD2VEC = Source("word2vec", "gcc", FAST, "word2vec/includes/word2vec.c", SEED_PATCH, ("-lm",))
FASTTEXT = Source("fasttext", "g++", ("-std=c++17", "-DNDEBUG", *FAST), "src/*.cc")


def binary(source: Source) -> Path:
    """The compiled program, built first if it is not there."""
    target = layout.PEERS / f"{source.package}-{source.version}-{source.recipe}"
    if not target.exists():
        folder = _unpacked(source)
        _apply(source, folder)
        files = sorted(str(file) for file in folder.glob(source.sources))
        unfinished = target.with_suffix(".part")
        command = [source.compiler, *source.flags, "-w", *files, "-o", str(unfinished), *source.libraries]
        subprocess.run(command, check=True)
        os.replace(unfinished, target)
    return target


def compiler_version(compiler: str) -> str:
    """The first line of what `COMPILER --version` prints."""
    return subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


def _unpacked(source: Source) -> Path:
    name = f"{source.package}-{source.version}"
    archive = layout.PEERS / f"{name}.tar.gz"
    if not archive.exists():
        layout.PEERS.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", str(layout.PEERS), "--requirement", str(PINS)], check=True)
    folder = layout.PEERS / name
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as package:
        package.extractall(layout.PEERS, filter="data")
    return folder


def _apply(source: Source, folder: Path) -> None:
    if not source.patch:
        return
    file = folder / source.sources
    text = file.read_text()
    for old, new in source.patch:
        if text.count(old) != 1:
            raise SystemExit(f"the patch of {source.package} no longer fits: {old!r}")
        text = text.replace(old, new)
    file.write_text(text)
