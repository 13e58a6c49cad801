"""Child process of the bench: trains with gensim and writes both matrices. All settings come from the caller."""

import argparse
import json

import numpy as np
from gensim.models import Word2Vec  # type: ignore[import-untyped]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("--settings", required=True, help="keyword arguments of gensim's Word2Vec, as JSON")
    parser.add_argument("--input", required=True, help="where the input matrix goes")
    parser.add_argument("--output", required=True, help="where the output matrix goes")
    arguments = parser.parse_args()
    model = Word2Vec(corpus_file=arguments.corpus, **json.loads(arguments.settings))
    write(arguments.input, model.wv.index_to_key, model.wv.vectors)
    write(arguments.output, model.wv.index_to_key, model.syn1neg)


def write(path: str, names: list[str], vectors: np.ndarray) -> None:
    """word2vec's binary format; gensim writes it only for the input matrix."""
    with open(path, "wb") as file:
        file.write(f"{len(names)} {vectors.shape[1]}\n".encode())
        for name, vector in zip(names, vectors.astype(np.float32), strict=True):
            file.write(f"{name} ".encode() + vector.tobytes())


if __name__ == "__main__":
    main()
