"""The words of an exported model are those of Python, in whatever language the machine is set up."""

import multiprocessing
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_words import classifier_of, words_in_graph

from bagpipe.serving.export import drop_uuid
from stages.common.corpora.tokenizer import split_words
from stages.common.network.backend import tf

CAPITALS = [letter for letter in map(chr, range(sys.maxunicode + 1)) if letter.lower() != letter]
# Words with letters whose lowercase is another in Turkish, Azerbaijani or Lithuanian
LOCAL = ["FILM", "film", "f\u0131lm", "\u0130\u011ene", "I\u0307", "JI\u0301", "\u012e\u0303", "\u00cc\u00cd\u0128"]


def words_of(texts: list[str]) -> list[list[str]]:
    return [[word.decode() for word in split_words(text)] for text in texts]


def all_words(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(word for words in words_of(texts) for word in words))


def in_process(env: dict[str, str], function: Callable, *arguments: Any) -> Any:
    """What a function returns in a process that is started with these variables."""
    spawning = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, mp_context=spawning) as process:
        for name, value in env.items():
            patch.setenv(name, value)
        return process.submit(function, *arguments).result()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def save(folder: Path, hidden: Sequence[int] = (2,)) -> None:
    """Save a model as `export` does."""
    classifier = classifier_of(all_words(LOCAL), hidden)
    tf.saved_model.save(classifier, str(folder), signatures={"serving_default": classifier.__call__})
    drop_uuid(folder)


def answers(folder: Path) -> list[list[float]]:
    classify = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return classify(text=tf.constant(LOCAL))["probabilities"].numpy().tolist()


def save_and_answer(folder: Path, other: Path) -> list[list[float]]:
    """Save a model, and let another answer, in one process."""
    save(folder)
    return answers(other)


def test_every_letter_is_lowered_as_python_does() -> None:
    texts = [*CAPITALS, *(f"x{letter} y" for letter in CAPITALS)]
    assert words_in_graph(texts, all_words(texts)) == words_of(texts)


def test_letters_that_make_no_word_are_in_no_word() -> None:
    known = ["film", "k", "\u00e9t\u00e9", "\u03b1\u03c2", "\u03b1\u03c3'\u03b2", "\u00c9"]
    texts = ["FILM", "F\u0130LM", "\u212a", "\u00c9T\u00c9", "\u0391\u03a3", "\u0391\u03a3'\u0392", *CAPITALS]
    for words in (known, known[:2]):
        expected = [[word if word in words else None for word in found] for found in words_of(texts)]
        assert words_in_graph(texts, words) == expected
        assert expected[:3] == [["film"], [None], ["k"]]


def test_sigmas_are_lowered_as_python_does() -> None:
    dice = random.Random(1)
    letters = "\u03a3\u03a3\u03a3\u03c3\u03c2\u0391a'\u0301\u02b0\u0130.5 "  # U+02B0 has cases, and is ignored
    texts = ["".join(dice.choices(letters, k=8)) for _ in range(3_000)]
    assert words_in_graph(texts, all_words(texts)) == words_of(texts)
    halves = all_words(texts)[::2]
    known = set(halves)
    assert words_in_graph(texts, halves) == [[w if w in known else None for w in words] for words in words_of(texts)]


def test_bytes_that_are_not_utf8_are_no_letters() -> None:
    texts = [b"FILM \xff", b"\xc3\xa9t\xc3", b"\xe2\x84Film", b"\xed\xa0\x80", b"\xf0\x9f FILM"]
    known = ["film", "\u00e9t\u00e9", "\ufffd", "\ufffdfilm", "\u00e9t\ufffd"]
    expected = [["film", "\ufffd"], ["\u00e9t\ufffd"], ["\ufffdfilm"], [None], ["\ufffd", "film"]]
    assert words_in_graph(texts, known) == expected


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portable") / "exported"
    in_process({"LC_ALL": "C.UTF-8"}, save, folder)
    return folder


@pytest.mark.parametrize("locale", ["tr_TR.UTF-8", "lt_LT.UTF-8"])
def test_an_export_and_its_answers_hang_on_no_locale(exported: Path, tmp_path: Path, locale: str) -> None:
    answered = in_process({"LC_ALL": locale}, save_and_answer, tmp_path / "again", exported)
    assert contents(tmp_path / "again") == contents(exported)
    assert answered == answers(exported)
    assert len(np.unique(answered, axis=0)) == len(all_words(LOCAL))


def test_answers_hang_on_no_setting_of_tensorflow(tmp_path: Path) -> None:
    save(tmp_path / "wide", hidden=(200, 100, 30))
    others = {"TF_ENABLE_ONEDNN_OPTS": "1", "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "true"}
    assert in_process(others, answers, tmp_path / "wide") == answers(tmp_path / "wide")
