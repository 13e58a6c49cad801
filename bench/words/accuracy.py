"""Trains on the large corpus and scores the vectors with the shared, independent scorer; every result is cached."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import layout
import work
from common.measure import run
from corpus import Corpus
from programs import HYPERPARAMETERS, Program, Setting

Result = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One training run to be scored."""

    program: Program
    setting: Setting
    corpus: Corpus

    @property
    def key(self) -> Result:
        """All that decides the result."""
        return {
            "program": self.program.name,
            "version": self.program.version,
            "setting": asdict(self.setting),
            "hyperparameters": HYPERPARAMETERS,
            "corpus": self.corpus.sha256,
            "scorer": hashlib.sha256(scorer().read_bytes()).hexdigest(),
        }

    @property
    def file(self) -> Path:
        digest = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:12]
        sizes = "d{dim}-e{epochs}-t{threads}-s{seed}".format_map(vars(self.setting))
        return layout.RESULTS / f"{self.program.name}-{self.setting.task.name}-{sizes}-{digest}.json"


def scorer() -> Path:
    """The shared scorer, used as it is."""
    return layout.shared() / "eval" / "eval_words.py"


def evaluation_folder() -> Path:
    """A folder with links to the evaluation sets.

    The scorer opens sets that are not there: each of these is an empty file, and scores None.
    """
    layout.EVAL.mkdir(parents=True, exist_ok=True)
    present = layout.shared() / "data" / "text" / "eval"
    for name in re.findall(r"['\"/]([\w-]+\.txt)['\"]", scorer().read_text()):
        link, source = layout.EVAL / name, present / name
        if link.exists():
            continue
        link.unlink(missing_ok=True)
        if source.exists():
            link.symlink_to(source)
        else:
            link.touch()
    return layout.EVAL


def run_all(jobs: Sequence[Job], at_once: int, fresh: bool) -> Iterator[Result]:
    """The results of the jobs in their order, trained where the cache has none, `at_once` at a time."""
    evaluation_folder()
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(lambda job: _cached(job, fresh), jobs)


def _cached(job: Job, fresh: bool) -> Result:
    if fresh or not job.file.exists():
        print(f"training {job.file.stem}", flush=True)
        result = _train_and_score(job)
        layout.RESULTS.mkdir(parents=True, exist_ok=True)
        unfinished = job.file.with_suffix(".part")
        unfinished.write_text(json.dumps(result, indent=1))
        os.replace(unfinished, job.file)
    cached: Result = json.loads(job.file.read_text())
    return cached


def _train_and_score(job: Job) -> Result:
    with work.folder() as inside:
        usage = work.train(job.program, job.setting, job.corpus, inside)
        if export := job.program.export():
            run(export, inside)
        command = [sys.executable, str(scorer()), job.program.vectors, "--eval", str(layout.EVAL)]
        scores = json.loads(run(command, inside).output.splitlines()[-1])
    return {**job.key, "usage": asdict(usage), "scores": scores}
