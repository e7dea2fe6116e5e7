"""`bagpipe errors`: the most confident errors first, and which of them are label noise."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import bagpipe

from bagpipe.texts.errors import (
    CONFIDENT,
    Errors,
    ErrorSummary,
    ExplainedError,
    Push,
    find_errors,
    format_error,
    format_summary,
    make_answers,
    summarize_errors,
)
from stages.common.basics.artifacts import read_json
from stages.common.basics.terminal import escape_controls

U = np.uint64
PROBABILITIES = np.array(
    [[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0.05, 0.95, 0], [0, 0.3, 0.7], [0.8, 0.1, 0.1]], np.float32
)
TEST, LABELS = np.array([10, 11, 12, 13, 13], U), np.array([0, 0, 2, 0, 0])  # the places 1, 2 and 3 are wrong
TRAIN = np.array([12, 12, 11, 11, 13, 99], U), np.array([1, 1, 0, 1, 0, 2])


def test_errors_come_with_their_labels_in_training() -> None:
    found = find_errors(make_answers(PROBABILITIES, LABELS), TEST, TRAIN)
    assert found.places.tolist() == [2, 1, 3]
    assert found.expected.tolist() == [2, 0, 0]
    assert found.predicted.tolist() == [1, 1, 2]
    assert found.confidence.tolist() == pytest.approx([0.95, 0.7, 0.7])
    assert found.in_training == [{1: 2}, {0: 1, 1: 1}, {0: 1}]
    assert found.noise().tolist() == [True, True, False]
    assert summarize_errors(found, 5) == ErrorSummary(5, 3, 2, 3, 2)


def test_a_column_of_one_class_will_do() -> None:
    answers = make_answers(np.array([[0.9], [0.2], [0.4]], np.float32), np.array([0, 1, 0]))
    found = find_errors(answers, np.array([1, 2, 3], U), TRAIN)
    assert found.places.tolist() == [0, 1]
    assert found.confidence.tolist() == pytest.approx([0.9, 0.8])
    assert found.in_training == [{}, {}]


def test_the_share_of_noise_is_said_in_words() -> None:
    def errors(noise: int, count: int) -> ErrorSummary:
        zeros = np.zeros(count, int)
        return summarize_errors(Errors(zeros, zeros, zeros, zeros, [{1: 1}] * noise + [{}] * (count - noise)), 1_000)

    assert format_summary(errors(0, 0)) == "None of 1,000 test texts is wrong."
    assert format_summary(errors(60, 200)) == (
        "200 of 1,000 test texts are wrong. Training has 60 of these (30%) word for word under another label, "
        f"and 60 of the {CONFIDENT} most confident ones."
    )
    assert format_summary(errors(1, 4)).endswith("Training has 1 of these (25%) word for word under another label.")


def test_nothing_reaches_the_terminal_but_text() -> None:
    assert escape_controls("a\x1b[2Jb\x9b\u202ec\u2028 é 中") == r"a\x1b[2Jb\x9b\u202ec\u2028 é 中"
    error = ExplainedError(
        test_text=1,
        expected="a\x1b",
        predicted="b",
        probability=0.5,
        explain=[Push("\x1b", 0.1)],
        in_training={"\x1b": 1},
        text="\x1b]0;x\x07" + "y" * 1_000,
    )
    lines = format_error(error)
    assert all(line.isprintable() for line in lines.split("\n"))
    assert len(lines.split("\n")) == 4
    assert lines.endswith("...")


def test_the_command(copy: Path) -> None:
    rows = copy / "data/vectorized/reuters"
    labels, predicted = (
        np.load(rows / "test/labels.npy"),
        np.load(copy / "data/predictions/reuters.npy").argmax(axis=1),
    )
    (worst, *_) = sorted(
        np.flatnonzero(predicted != labels),
        key=lambda place: -np.load(copy / "data/predictions/reuters.npy")[place].max(),
    )
    hashes, train = np.load(rows / "test/hashes.npy"), np.load(rows / "train/labels.npy")
    other = np.flatnonzero(train == predicted[worst])[0]
    hashes[worst] = np.load(rows / "train/hashes.npy")[other]  # as if training had it as what it was taken for
    (rows / "test/hashes.npy").unlink()  # it may be a link into the cache
    np.save(rows / "test/hashes.npy", hashes)
    done = bagpipe(copy, "errors", "reuters", "--count", "2", "--json", capture_output=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    names = read_json(rows / "labels.json")
    first = found["texts"][0]
    assert found["errors"] == (predicted != labels).sum()
    assert found["errors_in_training_under_another_label"] == 1
    assert len(found["texts"]) == 2
    assert (first["expected"], first["predicted"]) == (names[labels[worst]], names[predicted[worst]])
    assert first["in_training"] == {names[predicted[worst]]: 1}
    assert first["test_text"] == worst
    text = bagpipe(copy, "predict", "reuters", first["text"], "--explain", "--json", capture_output=True)
    again = json.loads(text.stdout)
    assert again["label"] == first["predicted"]
    shown = bagpipe(copy, "errors", "reuters", "--count", "1", capture_output=True).stdout
    assert shown.startswith(f"test text {worst}: expected {first['expected']}, found {first['predicted']} (")
    assert f"  in training as: {first['predicted']} (1)\n" in shown
    assert "Training has 1 of these" in shown


@pytest.mark.parametrize(
    ("name", "missing", "said"),
    [("imbd", None, "no model 'imbd'"), ("imdb", "data/predictions/imdb.npy", "run `dvc repro evaluate@imdb`")],
)
def test_what_is_not_there(copy: Path, name: str, missing: str | None, said: str) -> None:
    if missing:
        (copy / missing).unlink()
    done = bagpipe(copy, "errors", name, capture_output=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"])
def test_damaged_predictions_are_one_line(copy: Path, content: bytes) -> None:
    path = copy / "data" / "predictions" / "imdb.npy"
    path.unlink()  # it may be a link into the cache
    path.write_bytes(content)
    done = bagpipe(copy, "errors", "imdb", capture_output=True)
    assert done.stderr.startswith(
        "error: data/predictions/imdb.npy: expected an array as numpy writes it: float32, shape"
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("shape", [(1, 46), (300, 0), (300, 47)])
def test_predictions_of_other_texts_or_labels_are_one_line(copy: Path, shape: tuple[int, int]) -> None:
    path = copy / "data" / "predictions" / "reuters.npy"
    texts, labels = np.load(path).shape
    path.unlink()  # it may be a link into the cache
    np.save(path, np.zeros(shape, np.float32))
    done = bagpipe(copy, "errors", "reuters", capture_output=True)
    expected = f"expected predictions of {labels} labels for {texts:,} test texts, found {shape[1]} for {shape[0]}"
    assert done.stderr == f"error: data/predictions/reuters.npy: {expected}; run `dvc repro evaluate@reuters`\n"
