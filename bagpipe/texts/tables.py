"""`bagpipe predict --out`: a table of texts written anew, with what a model says of each in two columns more."""

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from bagpipe.project.names import check_name
from bagpipe.texts.model import TEXTS_AT_ONCE
from bagpipe.texts.predict import Classifier, split_blocks, tell_unknown
from stages.common.basics.artifacts import new_file
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.reading import load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.corpora.entries import LONGEST, Columns, Remark, shorten_list
from stages.common.corpora.layout import SUFFIXES, plain_suffix
from stages.common.corpora.readers.json_files import find_objects
from stages.common.corpora.readers.lines import text_lines
from stages.common.corpora.readers.tables import Quoting, find_delimiter, find_quoting

LABEL, PROBABILITY = "predicted_label", "predicted_probability"
DELIMITERS = {"csv": ",", "tsv": "\t"}  # unless the header tells another one
TABLES = (*DELIMITERS, "jsonl", "parquet")
DIGITS = 6  # of a probability, as `--json` has it


class Answers(NamedTuple):
    """The most probable label of each of some texts, and its probability."""

    labels: list[str]
    probabilities: list[float]


Answer = Callable[[Sequence[Any], Iterable[str]], Answers]  # to some texts, from the place of each in the file


def write_predictions(name: str, source: Path, target: Path, column: str) -> None:
    """Write a table again, with the columns `predicted_label` and `predicted_probability` besides its own.

    Args:
        name: the model; source: CSV, TSV, JSON Lines or Parquet, compressed or not, but for Parquet.
        target: of the same format; column: where the texts stand.

    Raises:
        UserError: the source is no such table, or lacks the column; nothing is written then.
    """
    form = check_names(source, target)
    classifier = Classifier(name)
    unknown, count = 0, 0
    with new_file(target) as partial, tqdm(unit=" texts", disable=None) as progress:

        def answer(texts: Sequence[Any], places: Iterable[str]) -> Answers:
            nonlocal unknown, count
            found = list(classifier.predict(list(map(check_text, texts, places)), explain=False))
            unknown += sum(not prediction.known_words for prediction in found)
            count += len(found)
            progress.update(len(found))
            labels, probabilities = zip(*(prediction.top[0] for prediction in found), strict=True)
            return Answers(list(labels), [round(probability, DIGITS) for probability in probabilities])

        if form == "parquet":
            extend_parquet(source, partial, column, answer)
        elif form == "jsonl":
            extend_json(source, partial, column, answer)
        else:
            extend_table(source, partial, column, DELIMITERS[form], answer)
    tell_unknown(unknown, count)
    print(f"{target}: {count:,} texts with {LABEL} and {PROBABILITY}")


def text_column(name: str) -> str:
    """The column of the texts in the files that a model's dataset is made of; `text` for those of Keras."""
    params = load_params()
    check_name("model", name, params.models)
    dataset = dataset_of(params, params.models[name].dataset)
    return dataset.text if isinstance(dataset, TextDataset) else Columns().text


def check_names(source: Path, target: Path) -> str:
    """The format of a table, by its name, which is that of the other one, too.

    Raises:
        UserError: it is no table, or the other is of another format, or the same file.
    """
    form = SUFFIXES.get(plain_suffix(source))
    if form is None or form not in TABLES:
        suffixes = ", ".join(suffix for suffix, known in SUFFIXES.items() if known in TABLES)
        raise UserError(f"--file: expected a table ({suffixes}) for --out; found {source}")
    if SUFFIXES.get(target.suffix.lower()) != form:
        expected = f"expected a name that ends in {plain_suffix(source)}, as that of the texts does"
        raise UserError(f"--out: {expected}; found {target}")
    if target.exists() and target.samefile(source):
        raise UserError(f"--out: expected another file than that of the texts, found {target}")
    return form


def check_text(text: object, place: str) -> str:
    """A text, which is empty where there is none.

    Raises:
        UserError: it is something else.
    """
    if text is not None and not isinstance(text, str):
        raise UserError(f"{place}: expected a text, found {str(text)[:40]!r}; --text names another column")
    return text or ""


def check_columns(place: str, names: Sequence[str], column: str) -> None:
    """Check that the texts' column is there once, and those to be added are not.

    Raises:
        UserError: not so.
    """
    if names.count(column) != 1:
        raise UserError(f"{place}: expected one column {column!r}, found {shorten_list(names)}; --text names another")
    if taken := {LABEL, PROBABILITY}.intersection(names):
        raise UserError(f"{place}: expected no column {min(taken)!r}, which is to be added; rename or delete it")


def extend_table(source: Path, target: Path, column: str, expected: str, answer: Answer) -> None:
    """Extend separated values, which are written as they are read; expected: what separates them, by the name."""
    csv.field_size_limit(LONGEST)
    with closing(text_lines(source)) as lines, open(target, "w", encoding="utf-8", newline="") as file:
        first = next(lines, "")
        delimiter = find_delimiter(first, [column], expected)
        quoting = find_quoting(source) if delimiter == "\t" else Quoting()
        rows = read_rows(source, itertools.chain([first], lines), delimiter, quoting)
        header = next(rows, [])
        check_columns(f"{source}: line 1", header, column)
        end = "\r\n" if first.endswith("\r\n") else "\n"
        style: dict[str, Any] = {} if quoting.used else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, **style)
        writer.writerow([*header, LABEL, PROBABILITY])
        place = header.index(column)
        for block in split_blocks(rows):
            found = answer([row[place] for row in block], itertools.repeat(""))
            for row, label, probability in zip(block, *found, strict=True):
                writer.writerow([*row, label, probability])


def read_rows(source: Path, lines: Iterator[str], delimiter: str, quoting: Quoting) -> Iterator[list[str]]:
    """Yield each row, the header included.

    Raises:
        UserError: a row has other fields than the header, or a quote is never closed.
    """
    rows = csv.reader(
        lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoting.used else csv.QUOTE_NONE
    )
    start, fields = 1, 0
    try:
        for row in rows:
            fields = fields or len(row)
            if row and len(row) != fields:
                found = f"expected {fields} fields, found {len(row)}{quoting.otherwise}"
                raise UserError(f"{source}: line {start}: {found}")
            if row:
                yield row
            start = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{source}: line {start}: expected separated values; {error}{quoting.otherwise}") from None


def extend_json(source: Path, target: Path, column: str, answer: Answer) -> None:
    """Extend objects, which are written one a line."""
    with closing(text_lines(source)) as lines, open(target, "w", encoding="utf-8", newline="\n") as file:
        objects = (
            (line, content) for line, content in find_objects(source, lines) if not isinstance(content, Remark)
        )
        for block in split_blocks(objects):
            places = [f"{source}: line {line}" for line, _ in block]
            for place, (_, content) in zip(places, block, strict=True):
                check_columns(place, list(content), column)
            found = answer([content[column] for _, content in block], places)
            for (_, content), label, probability in zip(block, *found, strict=True):
                file.write(json.dumps({**content, LABEL: label, PROBABILITY: probability}, ensure_ascii=False) + "\n")


def extend_parquet(source: Path, target: Path, column: str, answer: Answer) -> None:
    """Extend Parquet, whose types and metadata stay."""
    import pyarrow
    import pyarrow.parquet

    row = 1
    try:
        with pyarrow.parquet.ParquetFile(source) as opened:
            schema = opened.schema_arrow
            check_columns(str(source), schema.names, column)
            for name, kind in ((LABEL, pyarrow.string()), (PROBABILITY, pyarrow.float64())):
                schema = schema.append(pyarrow.field(name, kind))
            with pyarrow.parquet.ParquetWriter(target, schema) as writer:
                for batch in filter(len, opened.iter_batches(TEXTS_AT_ONCE)):
                    places = (f"{source}: row {row + number}" for number in range(len(batch)))
                    found = answer(batch.column(column).to_pylist(), places)
                    writer.write_batch(pyarrow.record_batch([*batch.columns, *map(pyarrow.array, found)], schema))
                    row += len(batch)
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{source}: from row {row} on: expected a Parquet file; {reason}") from None
