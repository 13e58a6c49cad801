"""Child process of the bench: trains with gensim, or times its vocabulary pass. All settings come from the caller."""

import argparse
import json
import time

from gensim.models import Word2Vec  # type: ignore[import-untyped]


def main() -> None:
    arguments = _arguments()
    model = Word2Vec(**json.loads(arguments.settings))
    if arguments.vocabulary_only:
        wall, cpu = time.perf_counter(), time.process_time()
        model.build_vocab(corpus_file=arguments.corpus)
        print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))
        return
    model.build_vocab(corpus_file=arguments.corpus)
    model.train(
        corpus_file=arguments.corpus,
        total_examples=model.corpus_count,
        total_words=model.corpus_total_words,
        epochs=model.epochs,
        start_alpha=model.alpha,
        end_alpha=model.min_alpha,
    )
    model.wv.save_word2vec_format(arguments.output, binary=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("--output")
    parser.add_argument("--settings", required=True, help="keyword arguments of gensim's Word2Vec, as JSON")
    parser.add_argument("--vocabulary-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
