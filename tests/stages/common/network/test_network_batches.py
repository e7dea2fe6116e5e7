"""The batches that a network is trained with: each row once, in an order of the seed."""

import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from reference import as_matrix
from small_networks import some_rows

from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.paths import Paths
from stages.common.basics.rows import Rows, hold_out, open_rows
from stages.common.network import feeding
from stages.common.network.backend import keras, tf
from stages.common.network.feeding import Feed
from tests.benchmarks.steps import LAUNCHER

pytestmark = pytest.mark.slow


def numbered(count: int) -> Feed:
    """A feed whose integer labels are the rows' numbers."""
    rows = some_rows(count, 2)._replace(labels=np.arange(count))
    return Feed(rows, "sparse_categorical_crossentropy", 2)


def epochs_of(count: int, size: int, epochs: int, seed: int) -> list[list[int]]:
    """The numbers of the rows, epoch by epoch, in the order of training."""
    batches, steps = numbered(count).training_batches(size, epochs, seed)
    numbers = [labels.numpy().tolist() for _, labels in batches]
    assert len(numbers) == steps * epochs
    return [list(chain(*numbers[start : start + steps])) for start in range(0, len(numbers), steps)]


def test_an_epoch_holds_each_row_once_in_an_order_of_its_own() -> None:
    orders = epochs_of(50, size=16, epochs=3, seed=1)
    for order in orders:
        assert sorted(order) == list(range(50))
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_orders_are_a_function_of_the_seed() -> None:
    assert epochs_of(50, 16, 2, seed=1) == epochs_of(50, 16, 2, seed=1)
    assert epochs_of(50, 16, 2, seed=1)[0] != epochs_of(50, 16, 2, seed=2)[0]


def test_batches_have_the_size_asked_for() -> None:
    batches, steps = numbered(50).training_batches(16, epochs=1, seed=1)
    assert steps == 4
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2]


def test_a_batch_holds_the_rows_that_its_labels_name() -> None:
    matrix = as_matrix(some_rows(50, 2)).toarray()
    batches, _ = numbered(50).training_batches(16, epochs=2, seed=1)
    for inputs, numbers in batches:
        np.testing.assert_array_equal(tf.sparse.to_dense(inputs), matrix[numbers])


def test_the_rows_of_one_block_are_shuffled_by_seed_and_epoch() -> None:
    """Models of the official data depend on this order, to the byte."""
    orders = epochs_of(50, size=16, epochs=3, seed=7)
    expected = [tf.random.experimental.stateless_shuffle(tf.range(50), (7, epoch)).numpy() for epoch in range(3)]
    np.testing.assert_array_equal(orders, expected)


@pytest.mark.parametrize("count", [127, 128, 129, 150])
@pytest.mark.parametrize("run", [1, 5, 8, 1_000])
def test_several_blocks_hold_each_row_once(monkeypatch: pytest.MonkeyPatch, count: int, run: int) -> None:
    monkeypatch.setattr(feeding, "ROWS_A_BLOCK", 40)  # so 32 with batches of 16
    monkeypatch.setattr(feeding, "ROWS_A_RUN", run)
    matrix = as_matrix(some_rows(count, 2)).toarray()
    batches, steps = numbered(count).training_batches(16, epochs=2, seed=1)
    found = [(tf.sparse.to_dense(inputs), numbers.numpy()) for inputs, numbers in batches]
    for inputs, numbers in found:
        np.testing.assert_array_equal(inputs, matrix[numbers])
    sizes = [len(numbers) for _, numbers in found]
    assert sizes == 2 * [*[16] * (count // 16), *([count % 16] if count % 16 else [])]
    first, second = (np.concatenate([numbers for _, numbers in found[start:][:steps]]) for start in (0, steps))
    assert sorted(first) == sorted(second) == list(range(count))
    assert first.tolist() != second.tolist()
    if run < 10:  # a block has rows from all over
        assert np.ptp(first[:32]) > count / 2


def test_batches_of_a_part_of_stored_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `validate` has them: the rows after the held-out ones, read from files."""
    monkeypatch.setattr(feeding, "ROWS_AT_ONCE", 7)
    write_rows(tmp_path, some_rows(40, 2))
    monkeypatch.chdir(tmp_path)
    held_out, remaining = hold_out(open_rows("some", "train"), 15, "holdout")
    matrix = as_matrix(some_rows(40, 2)).toarray()
    for rows, expected in ((held_out, matrix[:15]), (remaining, matrix[15:])):
        feed = Feed(rows, "sparse_categorical_crossentropy", 2)
        ordered = np.concatenate([tf.sparse.to_dense(inputs) for inputs, _ in feed.ordered_batches()])
        np.testing.assert_array_equal(ordered, expected)
        assert len(list(feed.training_batches(4, 1, 1)[0])) == -(-len(expected) // 4)


def write_rows(folder: Path, rows: Rows) -> None:
    """Write the vectorized dataset `some` of a project in a folder."""
    vectorized = Paths(folder).vectorized("some")
    (vectorized / "train").mkdir(parents=True)
    (vectorized / "labels.json").write_text('["no", "yes"]', encoding="utf-8")
    for name, array in rows._asdict().items():
        np.save(vectorized / "train" / f"{name}.npy", array)


def test_memory_does_not_depend_on_the_number_of_rows(tmp_path: Path) -> None:
    code = (
        "import os, sys; from stages.common.basics import rows\n"
        "os.chdir(sys.argv[1])\n"
        "from stages.common.network.feeding import Feed\n"
        "feed = Feed(rows.open_rows('some', 'train'), 'mse', 2)\n"
        "for batches in (feed.ordered_batches(), feed.training_batches(512, 1, 1)[0]):\n"
        "    for _ in batches: pass"
    )
    peaks = []
    for count in (50_000, 500_000):
        folder = tmp_path / str(count)
        ids = np.random.default_rng(1).integers(0, 125, (count, 80), np.int32) + 125 * np.arange(80, dtype=np.int32)
        labels = np.zeros(count, np.int64)
        write_rows(folder, Rows(np.arange(0, ids.size + 1, 80), ids.ravel(), labels, np.array([count, 10_000])))
        command = [sys.executable, "-S", "-c", LAUNCHER, folder / "peak", sys.executable, "-c", code, folder]
        subprocess.run(command, cwd=ROOT, env=environment(ROOT), check=True)
        peaks.append(int((folder / "peak").read_text()) / 1024)
    assert peaks[1] - peaks[0] < 100, peaks  # MB: the allocator varies by 70, and the rows are 148 more


@pytest.mark.parametrize("rows_at_once", [1, 7, 23, 24, 1_000])
def test_ordered_batches_hold_all_rows_in_order(monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
    monkeypatch.setattr(feeding, "ROWS_AT_ONCE", rows_at_once)
    batches = list(numbered(23).ordered_batches())
    assert np.concatenate([labels for _, labels in batches]).tolist() == list(range(23))
    inputs = np.concatenate([tf.sparse.to_dense(inputs) for inputs, _ in batches])
    np.testing.assert_array_equal(inputs, as_matrix(some_rows(23, 2)).toarray())


@pytest.mark.parametrize(
    ("loss", "classes", "expected"),
    [
        ("categorical_crossentropy", 46, lambda labels: keras.utils.to_categorical(labels, 46)),
        ("sparse_categorical_crossentropy", 46, lambda labels: labels),
        ("binary_crossentropy", 2, lambda labels: labels.astype("float32").reshape(-1, 1)),
        ("mse", 2, lambda labels: labels.astype("float32").reshape(-1, 1)),
    ],
)
def test_targets(loss: str, classes: int, expected: Callable[[np.ndarray], np.ndarray]) -> None:
    rows = some_rows(30, classes)
    ((_, found),) = Feed(rows, loss, classes).ordered_batches()
    np.testing.assert_array_equal(found, expected(rows.labels))
    assert found.shape == expected(rows.labels).shape
