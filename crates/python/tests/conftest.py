"""Data and models that several tests ask."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import vecinity

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def factbook() -> list[list[str]]:
    """Real text: the first lines of the demo's, cut into words."""
    with gzip.open(ROOT / "data/demo/factbook.txt.gz", "rt", encoding="utf-8") as lines:
        return [line.split() for _, line in zip(range(6000), lines)]


@pytest.fixture(scope="session")
def baskets() -> list[list[str]]:
    """Real baskets of the demo's."""
    with gzip.open(ROOT / "data/demo/baskets.txt.gz", "rt", encoding="utf-8") as lines:
        return [line.split() for _, line in zip(range(4000), lines)]


@pytest.fixture(scope="session")
def words(factbook: list[list[str]]) -> vecinity.Model:
    """A model of words."""
    return vecinity.train(factbook, kind="text", dim=32, epochs=2, threads=1)


@pytest.fixture(scope="session")
def shop(baskets: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> vecinity.Model:
    """A measured model of items, with titles."""
    return vecinity.train(
        baskets,
        tmp_path_factory.mktemp("shop") / "shop.model",
        kind="set",
        metadata=ROOT / "data/demo/items.tsv",
        dim=16,
        epochs=3,
        baselines="popularity,item-knn",
        threads=2,
    )
