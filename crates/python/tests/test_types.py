"""Stubs are what the compiled half is, the package is typed, and options are those of the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import vecinity
from vecinity import _vecinity

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_is_what_the_compiled_half_is():
    run("mypy.stubtest", "vecinity._vecinity", "--mypy-config-file", "pyproject.toml")


def test_the_package_is_typed():
    run("mypy", "-p", "vecinity")


def test_options_are_those_of_the_library():
    assert sorted(vecinity.Options.__annotations__) == sorted(_vecinity.option_names())


def test_what_is_exported_is_there_and_documented():
    for name in vecinity.__all__:
        thing = getattr(vecinity, name)
        assert name.startswith("__") or thing.__doc__, name
