"""Which test texts runs got wrong, packed into a file that is small enough for Git."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.basics.artifacts import new_file
from stages.common.basics.errors import UserError

GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # of 2^64: multiples of it are far apart


class Answers(NamedTuple):
    """What some runs made of one test set.

    runs: their names, for a replicate its seed.
    wrong: whether a run got a text wrong, bool, shape (runs, texts).
    macro_f1: of each run, float64, shape (runs,).
    f1_influence: how far each text raises the mean macro F1 of the runs, float32, shape (texts,), see `measure_f1`.
    test_set: the fingerprint of the texts and labels, see `fingerprint`.
    """

    runs: tuple[str, ...]
    wrong: np.ndarray
    macro_f1: np.ndarray
    f1_influence: np.ndarray
    test_set: str

    def choose(self, runs: list[str]) -> "Answers":
        """Those of some runs; the influence remains that of all."""
        places = [self.runs.index(run) for run in runs]
        return self._replace(runs=tuple(runs), wrong=self.wrong[places], macro_f1=self.macro_f1[places])


def measure_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[float, np.ndarray]:
    """Macro F1 as scikit-learn has it, and the influence of each text on it: float64, shape (texts,).

    That is its derivative by the share that the text has of the test set; the mean is 0, and the variance over the
    number of texts that of macro F1 by the choice of texts (Hampel, J. Am. Stat. Assoc. 69, 1974).

    Args:
        labels, predicted: int64, shape (texts,).
    """
    right = np.bincount(labels[labels == predicted], minlength=classes)
    sizes = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    present = np.count_nonzero(sizes)
    inverse = np.divide(2, sizes, out=np.zeros(classes), where=sizes > 0)
    f1 = right * inverse
    slopes = f1 * inverse / 2  # what a text more costs each of its two classes
    gained = np.where(labels == predicted, inverse[labels], 0) - slopes[labels] - slopes[predicted]
    return float(f1.sum() / present), gained * (len(labels) / present)


def collect_answers(runs: Mapping[str, np.ndarray], labels: np.ndarray, classes: int, test_set: str) -> Answers:
    """What some runs made of a test set, from the labels that each predicted: int64, shape (texts,)."""
    measured = [measure_f1(labels, predicted, classes) for predicted in runs.values()]
    return Answers(
        runs=tuple(runs),
        wrong=np.stack([predicted != labels for predicted in runs.values()]),
        macro_f1=np.array([f1 for f1, _ in measured]),
        f1_influence=np.mean([influence for _, influence in measured], axis=0).astype(np.float32),
        test_set=test_set,
    )


def keys_of(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A hash of each text and its label together: uint64, shape (n,), from uint64 and int64."""
    return hashes + labels.astype(np.uint64) * GOLDEN_RATIO


def fingerprint(keys: np.ndarray) -> str:
    """Of a test set, by `keys_of` its texts in their order: SHA-256 in hexadecimal."""
    return hashlib.sha256(keys.astype("<u8").tobytes()).hexdigest()


def pack_answers(answers: Answers) -> bytes:
    """What `parse_answers` reads; a text of a run takes a bit."""
    packed = io.BytesIO()
    np.savez(
        packed,
        runs=np.array(answers.runs),
        wrong=np.packbits(answers.wrong, axis=1),
        macro_f1=answers.macro_f1,
        f1_influence=answers.f1_influence,
        test_set=np.array(answers.test_set),
    )
    return packed.getvalue()


def write_answers(path: Path, answers: Answers) -> None:
    """Write a file that `read_answers` reads."""
    with new_file(path) as partial:
        partial.write_bytes(pack_answers(answers))


def parse_answers(content: bytes, path: str) -> Answers:
    """Read the answers in the bytes of a file; path: what a message calls it.

    Raises:
        UserError: these are something else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > len(content):
                raise ValueError("found something that was compressed")  # there is no telling to what size
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            packed, texts = arrays["wrong"], len(arrays["f1_influence"])
            answers = Answers(
                runs=tuple(map(str, arrays["runs"])),
                wrong=np.unpackbits(packed, axis=1, count=texts).astype(bool),
                macro_f1=arrays["macro_f1"].astype(np.float64),
                f1_influence=arrays["f1_influence"].astype(np.float32),
                test_set=str(arrays["test_set"]),
            )
        expected = (len(set(answers.runs)), -(-texts // 8)), (len(answers.runs),), (texts,)
        if (packed.shape, answers.macro_f1.shape, answers.f1_influence.shape) != expected or not packed.size:
            raise ValueError("found arrays of other shapes")
        if not (np.isfinite(answers.macro_f1).all() and np.isfinite(answers.f1_influence).all()):
            raise ValueError("found what is no number")
    except Exception as error:  # zipfile and numpy raise one of many kinds, depending on which byte is wrong
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: expected which test texts each run got wrong, as `dvc repro` writes it; {reason}"
        ) from None
    return answers


def read_answers(path: Path) -> Answers:
    """Read a file of answers.

    Raises:
        UserError: it is damaged; OSError: it is not there.
    """
    return parse_answers(path.read_bytes(), str(path))
