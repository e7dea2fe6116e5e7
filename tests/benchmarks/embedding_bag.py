"""The same networks in torch, the first layer an EmbeddingBag: how another framework does on sparse rows."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stages.common.basics.rows import Rows
from tests.benchmarks.steps import BATCH, NUM_WORDS, SETTINGS, Clock, read_rows


class Classifier(nn.Module):
    """Bag of words, two hidden layers, and one output or one a class."""

    def __init__(self, units: int, outputs: int) -> None:
        """Draw weights as Keras does (Glorot uniform, zero biases)."""
        super().__init__()
        self.first = nn.EmbeddingBag(NUM_WORDS, units, mode="sum")
        self.first_bias = nn.Parameter(torch.zeros(units))
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, outputs))
        for weight in (self.first.weight, self.rest[1].weight, self.rest[3].weight):
            nn.init.xavier_uniform_(weight)

    def forward(self, ids: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        return self.rest(self.first(ids, starts) + self.first_bias)


def batch_of(rows: Rows, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of some rows, one row behind the other, and where each begins."""
    pieces = [rows.indices[rows.indptr[i] : rows.indptr[i + 1]] for i in positions]
    lengths = np.array([len(piece) for piece in pieces])
    return torch.from_numpy(np.concatenate(pieces)), torch.from_numpy((np.cumsum(lengths) - lengths).astype(np.int32))


def work(name: str, folder: Path, clock: Clock) -> None:
    """One dataset, from its rows to the test accuracy."""
    units, classes, holdout, epochs, final_epochs = SETTINGS[name]
    train, test = (Rows(*map(np.array, read_rows(folder / name / split))) for split in ("train", "test"))
    binary = classes == 2
    loss_of = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    random = np.random.default_rng(1)

    def fit(positions: np.ndarray, runs: int) -> Classifier:
        model = Classifier(units, 1 if binary else classes)
        optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
        for _ in range(runs):
            order = random.permutation(positions)
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                y = torch.from_numpy(train.labels[chosen])
                optimizer.zero_grad()
                logits = model(*batch_of(train, chosen))
                loss_of(logits[:, 0] if binary else logits, y.float() if binary else y).backward()
                optimizer.step()
        return model

    everything = np.arange(len(train.labels))
    with clock.step(name, "fit"):
        fit(everything[holdout:], epochs)
    with clock.step(name, "final fit"):
        model = fit(everything, final_epochs)
    with clock.step(name, "evaluate"), torch.no_grad():
        logits = model(*batch_of(test, np.arange(len(test.labels))))
        predicted = (logits[:, 0] > 0).long() if binary else logits.argmax(dim=1)
        clock.accuracy[name] = float((predicted.numpy() == test.labels).mean())


if __name__ == "__main__":
    torch.manual_seed(1)
    clock = Clock()
    for dataset in SETTINGS:
        work(dataset, Path(sys.argv[1]), clock)
    clock.report()
