"""The same networks as a bare numpy and scipy loop, on one thread: how little the work itself takes.

It starts from the vectorized rows. RMSprop and the initial weights are those of Keras.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sparse

from stages.common.basics.rows import Rows
from tests.benchmarks.steps import BATCH, NUM_WORDS, SETTINGS, Clock, read_rows


def matrix(rows: Rows) -> sparse.csr_matrix:
    ones = np.ones(len(rows.indices), np.float32)
    return sparse.csr_matrix((ones, rows.indices, rows.indptr), shape=(len(rows.labels), NUM_WORDS))


class Network:
    """Two hidden layers of relu units and a softmax or sigmoid output, with the gradient of cross-entropy."""

    def __init__(self, units: int, outputs: int, random: np.random.Generator) -> None:
        shapes = [(NUM_WORDS, units), (units, units), (units, outputs)]
        limits = [np.sqrt(6 / sum(shape)) for shape in shapes]
        self.weights = [
            random.uniform(-limit, limit, shape).astype(np.float32)
            for limit, shape in zip(limits, shapes, strict=True)
        ]
        self.weights += [np.zeros(shape[1], np.float32) for shape in shapes]
        self._slots = [np.zeros_like(weight) for weight in self.weights]

    def forward(self, x: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w1, w2, w3, b1, b2, b3 = self.weights
        first = np.maximum(x @ w1 + b1, 0)
        second = np.maximum(first @ w2 + b2, 0)
        logits = second @ w3 + b3
        if logits.shape[1] == 1:
            return first, second, 1 / (1 + np.exp(-logits))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return first, second, powers / powers.sum(axis=1, keepdims=True)

    def step(self, x: sparse.csr_matrix, y: np.ndarray) -> None:
        """One step of RMSprop (learning rate 0.001, rho 0.9, epsilon 1e-7)."""
        _, w2, w3, *_ = self.weights
        first, second, output = self.forward(x)
        error = (output - y) / len(y)
        error_2 = (error @ w3.T) * (second > 0)
        error_1 = (error_2 @ w2.T) * (first > 0)
        gradients = [x.T @ error_1, first.T @ error_2, second.T @ error]
        gradients += [e.sum(axis=0) for e in (error_1, error_2, error)]
        for weight, slot, gradient in zip(self.weights, self._slots, gradients, strict=True):
            slot *= 0.9
            slot += 0.1 * gradient * gradient
            weight -= 0.001 * gradient / np.sqrt(slot + 1e-7)


def work(name: str, folder: Path, clock: Clock) -> None:
    """One dataset, from its rows to the test accuracy."""
    units, classes, holdout, epochs, final_epochs = SETTINGS[name]
    train, test = read_rows(folder / name / "train"), read_rows(folder / name / "test")
    random = np.random.default_rng(1)

    def targets(labels: np.ndarray) -> np.ndarray:
        one_hot = np.eye(classes, dtype=np.float32)[labels]
        return one_hot[:, 1:] if classes == 2 else one_hot

    def fit(rows: sparse.csr_matrix, y: np.ndarray, runs: int) -> Network:
        network = Network(units, y.shape[1], random)
        for _ in range(runs):
            order = random.permutation(len(y))
            for start in range(0, len(y), BATCH):
                batch = order[start : start + BATCH]
                network.step(rows[batch], y[batch])
        return network

    x, y = matrix(train), targets(train.labels)
    with clock.step(name, "fit"):
        fit(x[holdout:], y[holdout:], epochs)
    with clock.step(name, "final fit"):
        network = fit(x, y, final_epochs)
    with clock.step(name, "evaluate"):
        output = network.forward(matrix(test))[2]
        predicted = output.argmax(axis=1) if classes > 2 else output[:, 0] > 0.5
        clock.accuracy[name] = float((predicted == test.labels).mean())


if __name__ == "__main__":
    clock = Clock()
    for dataset in SETTINGS:
        work(dataset, Path(sys.argv[1]), clock)
    clock.report()
