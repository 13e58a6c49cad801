"""Embeddings from sequences and sets of anything: train them, ask them, judge them, hand them on.

>>> import vecinity
>>> model = vecinity.train([["a", "b"], ["b", "c"], ["a", "b", "c"]], kind="text", min_count=1, dim=8, threads=1)
>>> len(model), model.dim
(3, 8)

* `train` makes a `Model` of files, lists, tables or generators; `load` opens one.
* `Word2Vec` and `KeyedVectors` have gensim's names.
* `vecinity.sklearn` has estimators for scikit-learn.
* `Index` finds nearest neighbours of arrays.
"""

from vecinity._index import Index
from vecinity._keyed_vectors import KeyedVectors
from vecinity._model import Model, Neighbor, Reason, Recommendation, Recommendations, load
from vecinity._options import Options
from vecinity._train import train
from vecinity._vecinity import ModelError, __version__
from vecinity._word2vec import Word2Vec

__all__ = [
    "Index",
    "KeyedVectors",
    "Model",
    "ModelError",
    "Neighbor",
    "Options",
    "Reason",
    "Recommendation",
    "Recommendations",
    "Word2Vec",
    "__version__",
    "load",
    "train",
]
