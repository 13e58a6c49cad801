"""Child process of the bench: the same network, batch and loss in PyTorch. Prints one line of JSON.

After the shared `tower_reference.py`: position-weighted pools of the last items, one ReLU layer, the mean of the pools as a
residual. The full softmax is a product and `cross_entropy`; the sampled one has negatives shared by the batch, drawn
by count^0.75, their scores corrected by the logarithm of how often each is expected, and the true item uncorrected.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

POOLS, LENGTH, HIDDEN, DIM, BATCH, RATE, DECAY = 4, 20, 256, 64, 1024, 2e-3, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("data", type=Path)
    add("--loss", choices=["full", "sampled"], default="full")
    add("--optimizer", choices=["adam", "adam-fused", "sparse"], default="adam")
    add("--negatives", type=int, default=4096)
    add("--dropout", type=float, default=0.2)
    add("--threads", type=int, default=1)
    add("--seed", type=int, default=0)
    add("--epochs", type=int, default=1)
    add("--warm", type=int, default=0, help="steps before the clock starts")
    add("--steps", type=int, default=0, help="steps that are timed; 0: all epochs, and the vectors are written")
    add("--asked", type=Path)
    add("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    items, histories = read(options.data)
    starts, targets, events = examples(histories)
    net = Tower(items, options.dropout, options.optimizer == "sparse")
    epochs = options.epochs
    steps = epochs * -(-len(targets) // BATCH)
    optimizers = net.optimizers(options.optimizer)
    plans = [
        torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1, pct_start=0.1)
        for optimizer in optimizers
    ]
    loss_of = Sampled(net, events, items, options) if options.loss == "sampled" else net.full
    rng, losses, step, seen = np.random.default_rng(options.seed), [], 0, 0
    clock = (time.perf_counter(), time.process_time())
    for _ in range(epochs):
        order, total = rng.permutation(len(targets)), 0.0
        for at in range(0, len(order), BATCH):
            if options.steps and step == options.warm:
                clock, seen = (time.perf_counter(), time.process_time()), 0
            chosen = order[at : at + BATCH]
            x, y = batch(events, starts[chosen], targets[chosen])
            loss = loss_of(net(x), y)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()
            for optimizer, plan in zip(optimizers, plans, strict=True):
                optimizer.step()
                plan.step()
            total += loss.item() * len(chosen)
            step, seen = step + 1, seen + len(chosen)
            if options.steps and step == options.warm + options.steps:
                break
        else:
            losses.append(total / len(order))
            continue
        break
    found = {
        "examples": seen,
        "wall": time.perf_counter() - clock[0],
        "cpu": time.process_time() - clock[1],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": losses,
        "width": DIM,
    }
    if options.out:
        net.write(read(options.asked)[1], options.out)
    print(json.dumps(found))


def read(path: Path) -> tuple[int, list[np.ndarray]]:
    """Items, and histories: u32, as `crates/vecinity/examples/tower.rs` says."""
    numbers = np.fromfile(path, "<u4")
    items, histories = int(numbers[0]), int(numbers[1])
    lengths = numbers[2 : 2 + histories].astype(np.int64)
    return items, np.split(numbers[2 + histories :].astype(np.int64), np.cumsum(lengths)[:-1])


def examples(histories: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the history of each example starts, where its target is, and all events."""
    ends = np.cumsum([len(history) for history in histories])
    starts = np.concatenate([[0], ends[:-1]])
    targets = np.concatenate([np.arange(start + 1, end) for start, end in zip(starts, ends, strict=True)])
    return np.repeat(starts, np.maximum(ends - starts - 1, 0)), targets, np.concatenate(histories)


def batch(events: np.ndarray, starts: np.ndarray, targets: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The last items before each target, oldest first, padded with 0 (items count from 1); and the targets."""
    places = targets[:, None] + np.arange(-LENGTH, 0)[None]
    inside = places >= starts[:, None]
    return torch.from_numpy(np.where(inside, events[np.maximum(places, 0)] + 1, 0)), torch.from_numpy(events[targets])


class Tower(torch.nn.Module):
    def __init__(self, items: int, dropout: float, sparse: bool) -> None:
        super().__init__()
        self.dropout, self.items = dropout, items
        self.inp = torch.nn.Embedding(items + 1, DIM, padding_idx=0, sparse=sparse)
        self.out = torch.nn.Embedding(items, DIM, sparse=sparse)
        self.bias = torch.nn.Embedding(items, 1, sparse=sparse)
        for table in (self.inp, self.out):
            torch.nn.init.normal_(table.weight, 0, 0.05)
        torch.nn.init.zeros_(self.bias.weight)
        age = torch.arange(LENGTH).flip(0)[None]
        self.place = torch.nn.Parameter(
            torch.randn(POOLS, LENGTH) * 0.1 - age * torch.tensor([[0.0], [0.1], [0.4], [1.5]])
        )
        self.l1, self.l2 = torch.nn.Linear(DIM * POOLS, HIDDEN), torch.nn.Linear(HIDDEN, DIM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = F.dropout(self.inp(x), self.dropout, self.training)
        mask = (x > 0).float()[:, None, :]
        pools = torch.softmax(self.place[None] + (mask - 1) * 1e9, -1) @ rows
        hidden = F.dropout(F.relu(self.l1(pools.flatten(1))), self.dropout, self.training)
        return self.l2(hidden) + pools.mean(1)

    def full(self, users: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(users @ self.out.weight.T + self.bias.weight[:, 0], targets)

    def optimizers(self, kind: str) -> list[torch.optim.Optimizer]:
        if kind != "sparse":
            return [torch.optim.AdamW(self.parameters(), lr=RATE, weight_decay=DECAY, fused=kind == "adam-fused" or None)]
        tables = [self.inp.weight, self.out.weight, self.bias.weight]
        others = [self.place, *self.l1.parameters(), *self.l2.parameters()]
        return [torch.optim.SparseAdam(tables, lr=RATE), torch.optim.AdamW(others, lr=RATE, weight_decay=DECAY)]

    def write(self, histories: list[np.ndarray], out: Path) -> None:
        """Vectors of histories and items, for the scorer."""
        self.eval()
        asked = np.zeros((len(histories), LENGTH), np.int64)
        for row, history in enumerate(histories):
            newest = history[-LENGTH:] + 1
            asked[row, LENGTH - len(newest) :] = newest
        with torch.no_grad():
            users = torch.cat([self(part) for part in torch.from_numpy(asked).split(512)])
        for ending, values in (("users", users), ("items", self.out.weight), ("biases", self.bias.weight)):
            values.detach().numpy().astype("<f4").tofile(f"{out}.{ending}")


class Sampled:
    """The sampled softmax."""

    def __init__(self, net: Tower, events: np.ndarray, items: int, options: argparse.Namespace) -> None:
        counts = np.maximum(np.bincount(events, minlength=items), 1) ** 0.75
        self.net, self.chances = net, counts / counts.sum()
        self.sums = np.cumsum(self.chances)
        self.draws, self.rng = options.negatives, np.random.default_rng(options.seed + 1)

    def __call__(self, users: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        drawn = np.minimum(np.searchsorted(self.sums, self.rng.random(self.draws), "right"), len(self.sums) - 1)
        logs = torch.from_numpy(np.log(self.draws * self.chances[drawn]).astype(np.float32))
        ids = torch.from_numpy(drawn)
        scores = users @ self.net.out(ids).T + (self.net.bias(ids)[:, 0] - logs)
        scores = scores.masked_fill(ids[None] == targets[:, None], -torch.inf)
        own = (users * self.net.out(targets)).sum(1) + self.net.bias(targets)[:, 0]
        return F.cross_entropy(torch.cat([own[:, None], scores], 1), torch.zeros_like(targets))


if __name__ == "__main__":
    main()
