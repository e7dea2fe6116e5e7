"""Small corpora of labelled texts, in every format."""

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from stages.common.basics.params.sections import TextDataset
from stages.vectorize.labelled import vectorize_texts

Texts = list[tuple[str, str, str]]  # text, label, group


LABELS = ["Öffi&Co", "sport", "weather"]


SALT = 1


def some_texts(count: int, seed: int = 0) -> Texts:
    """Texts of a few words each, those of a label more often; some of them the same."""
    random = np.random.default_rng(seed)
    words = ["über", "naïve", "Σίσυφος", "film", "goal", "rain", "don't", "the", "of", *(f"w{i}" for i in range(60))]
    texts = []
    for number in range(count):
        label = int(random.integers(3))
        drawn = [words[3 + label], *random.choice(words, random.integers(2, 9))]
        texts.append((" ".join(drawn) + '! "so" to say', LABELS[label], f"author {number % 40}"))
    return [*texts, *texts[:5]]


def write_csv(
    path: Path, texts: Texts, delimiter: str = ",", header: tuple[str, ...] = ("text", "label", "by")
) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([header, *texts])


def write_jsonl(path: Path, texts: Texts) -> None:
    lines = [json.dumps({"by": by, "label": label, "text": text}) for text, label, by in texts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_parquet(path: Path, texts: Texts) -> None:
    columns = dict(zip(("text", "label", "by"), map(list, zip(*texts, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=50)


def write_fasttext(path: Path, texts: Texts) -> None:
    path.write_text("".join(f"__label__{label} {text}\n" for text, label, _ in texts), encoding="utf-8")


def write_folders(folder: Path, texts: Texts) -> None:
    for number, (text, label, _) in enumerate(texts):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.txt").write_text(text, encoding="utf-8")


def compressed(path: Path, suffix: str) -> None:
    """Replace a file by a compressed one."""
    content = path.read_bytes()
    target = path.with_name(path.name + suffix)
    if suffix == ".zst":
        with pyarrow.output_stream(str(target), compression="zstd") as stream:
            stream.write(content)
    else:
        target.write_bytes({".gz": gzip, ".bz2": bz2, ".xz": lzma}[suffix].compress(content))
    path.unlink()


WRITERS: dict[str, Callable[[Path, Texts], None]] = {
    "csv": lambda folder, texts: write_csv(folder / "texts.csv", texts),
    "tsv": lambda folder, texts: write_csv(folder / "texts.tsv", texts, "\t"),
    "jsonl": lambda folder, texts: write_jsonl(folder / "texts.jsonl", texts),
    "parquet": lambda folder, texts: write_parquet(folder / "texts.parquet", texts),
    "fasttext": lambda folder, texts: write_fasttext(folder / "texts.txt", texts),
    "folders": write_folders,
}


def written(tmp_path: Path, name: str, form: str, texts: Texts) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    WRITERS[form](folder, texts)
    return folder


def dataset(form: str, **changes: object) -> TextDataset:
    settings = {"texts": "own", "format": form, "num_words": 60, "test_split": 0.25, "salt": SALT, **changes}
    return TextDataset.model_validate(settings)


def vectorized(raw: Path, settings: TextDataset) -> Path:
    """Vectorize a folder; return where the rows are."""
    folder = raw.with_name(f"{raw.name}_rows")
    folder.mkdir()
    vectorize_texts(settings, raw, folder, lambda count: None)
    return folder
