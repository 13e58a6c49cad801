"""What the pages show is run: the README's example word by word, every example of docs/python.md, the notebook."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def blocks(page: str) -> list[str]:
    """The Python blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def in_folder(tmp_path: Path, program: str) -> None:
    """Runs a program in a folder where `data` is the project's."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_the_readme_runs_word_by_word(tmp_path):
    (example,) = blocks("README.md")
    in_folder(tmp_path, example)


def test_the_chinese_readme_has_the_same_example():
    def code(page: str) -> list[str]:
        (example,) = blocks(page)
        return [line.split("  #")[0].rstrip() for line in example.splitlines()]

    assert code("README.zh.md") == code("README.md")


# Other libraries, and what their examples have been given by the page before them.
OTHERS = {
    "gensim": 'import gzip\nsentences = [line.split() for _, line in zip(range(3000), gzip.open("data/demo/factbook.txt.gz", "rt"))]\n',
    "implicit": 'import gzip\nbaskets = [line.split() for _, line in zip(range(2000), gzip.open("data/demo/baskets.txt.gz", "rt"))]\n',
    "faiss": "",
    "hnswlib": 'import numpy as np\nvectors = np.random.default_rng(1).normal(size=(2000, 32)).astype("float32")\n',
}


def test_every_example_of_the_tutorial_runs_in_order(tmp_path):
    ours = [block for block in blocks("docs/python.md") if not block.startswith(tuple(f"# {name}\n" for name in OTHERS))]
    assert len(ours) > 8
    in_folder(tmp_path, "\n".join(ours))


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_tutorial_says_of_others_runs_on_them(name, tmp_path):
    theirs = [block for block in blocks("docs/python.md") if block.startswith(f"# {name}\n")]
    assert theirs
    program = OTHERS[name] + "\n".join(theirs)
    compile(program, "docs/python.md", "exec")
    pytest.importorskip(name)
    in_folder(tmp_path, program)


@pytest.mark.parametrize("module", ["vecinity", "vecinity._index", "vecinity.sklearn"])
def test_examples_in_docstrings_are_right(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried and not failed


def test_the_notebook_runs(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    (tmp_path / "data").symlink_to(ROOT / "data")
    notebook = nbformat.read(ROOT / "docs/python.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "epoch" in said, "progress is shown in cells"
