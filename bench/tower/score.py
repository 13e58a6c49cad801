"""Child process of the bench: what the shared scorer makes of users, items and biases. usage: score.py SCORER NAME OUT WIDTH"""

import json
import sys
from pathlib import Path

import numpy as np
from make_data import load


def main() -> None:
    scorer, name, out, width = sys.argv[1:]
    recs = load(Path(scorer))
    data = recs.Data(name, "loo")
    users, items = (np.fromfile(f"{out}.{part}", "<f4").reshape(-1, int(width)) for part in ("users", "items"))
    biases = np.fromfile(f"{out}.biases", "<f4")
    found = recs.evaluate(data, lambda rows: users[rows] @ items.T + biases)
    print(json.dumps({"HR@10": found["HR@10"], "NDCG@10": found["NDCG@10"], "Cov@10": found["Cov@10"]}))


if __name__ == "__main__":
    main()
