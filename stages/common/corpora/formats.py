"""Read labelled texts, whatever the format; a mistake is told with its file and line.

csv, tsv      a header, then a line for each text; the columns are named in params.yaml
jsonl         an object a line, or an array of objects, with those keys
parquet       with those columns
fasttext      `__label__X text`, one a line; or a file for each label, a text a line
folders       a folder for each class, with a file for each text, as scikit-learn's `load_files` has it
"""

from collections.abc import Iterator
from contextlib import closing

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import UNLABELLED, Columns, Entry, LeftOut, Text, describe_problem
from stages.common.corpora.layout import Format, TextFile
from stages.common.corpora.readers.json_files import find_objects, read_json
from stages.common.corpora.readers.lines import text_lines
from stages.common.corpora.readers.parquet_files import read_names, read_parquet
from stages.common.corpora.readers.plain import read_fasttext, read_lines, read_whole
from stages.common.corpora.readers.tables import read_header, read_table


def read_entries(file: TextFile, form: Format, columns: Columns, skip_unlabelled: bool = False) -> Iterator[Entry]:
    """Yield the texts of a file, those that are left out, and remarks on how it is read.

    Args:
        skip_unlabelled: leave out texts that have no label; else one is an error.

    Raises:
        UserError: it is not as its format asks, with the line.
    """
    with closing(text_lines(file.path)) as lines:  # closes the file at once, whoever raises
        readers: dict[str, Iterator[Entry]] = {
            "csv": read_table(file, lines, columns, ","),
            "tsv": read_table(file, lines, columns, "\t"),
            "jsonl": read_json(file, lines, columns),
            "parquet": read_parquet(file, columns),
            "fasttext": read_fasttext(file, lines) if file.label is None else read_lines(file.label, lines),
            "folders": read_whole(file, lines),
        }
        for entry in readers[form]:
            if skip_unlabelled and isinstance(entry, Text) and not entry.label:
                yield LeftOut(UNLABELLED, entry.line)
                continue
            if isinstance(entry, Text) and (problem := describe_problem(entry)):
                raise UserError(f"{file.path}: {where(form, entry.line)}: {problem}")
            yield entry


def read_file(file: TextFile, form: Format, columns: Columns) -> Iterator[Text]:
    """Yield the texts of a file alone.

    Raises:
        UserError: see `read_entries`.
    """
    return (entry for entry in read_entries(file, form, columns) if isinstance(entry, Text))


def column_names(file: TextFile, form: Format, columns: Columns) -> list[str]:
    """The columns of a file, or the keys of its first object; none if it cannot be read, as reading it will say."""
    try:
        if form == "parquet":
            return read_names(file.path)
        with closing(text_lines(file.path)) as lines:
            if form == "jsonl":
                objects = (found for _, found in find_objects(file.path, lines) if isinstance(found, dict))
                return list(next(objects, {}))
            return read_header(file, next(lines, ""), columns, "," if form == "csv" else "\t")
    except UserError:
        return []


def where(form: str, line: int) -> str:
    return f"row {line}" if form == "parquet" else f"line {line}"
