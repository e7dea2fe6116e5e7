"""Whatever is in a file: it is read, or refused in one line; nothing half-written stays, and memory has a bound.

Hypothesis makes up the files, always the same ones (`derandomize`), most of them of valid ones by a few changes;
MORE_EXAMPLES of the environment makes so many times more of them, as `make soak` does.
"""

import bz2
import copy
import gzip
import io
import json
import lzma
import os
import pickle
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from click.testing import CliRunner
from copying import DIAMOND, CopyingProject
from dvc.repo import Repo
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bagpipe.cli.main import main
from bagpipe.project.lock import parse_lock
from bagpipe.scratch.copies import ROOT
from stages.common.basics.artifacts import new_directory
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import MOST_WEIGHTS, Params
from stages.common.basics.params.questions import replicate_seeds
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence, load_params, parse_yaml, read_yaml
from stages.common.basics.params.types import LONGEST_LABEL
from stages.common.corpora.entries import Columns
from stages.common.corpora.formats import read_file
from stages.common.corpora.layout import TextFile
from stages.common.corpora.official import read_word_index
from stages.common.corpora.tokenizer import find_word_ids, split_words
from stages.common.judging.published import PUBLISHED_FILE, load_published
from stages.vectorize.official import vectorize_official

PARAMS = load_params(ROOT / PARAMS_FILE)
CONTENT = read_yaml(ROOT / PARAMS_FILE)
LOCK = b"".join((ROOT / "dvc.lock").read_bytes().splitlines(keepends=True)[:120])
MOST_MEMORY = 40_000_000  # bytes, for files of some hundreds

MORE = int(os.environ.get("MORE_EXAMPLES") or 1)

properties = settings(
    max_examples=100 * MORE, deadline=5_000, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Let nothing but a UserError of one line, that a terminal can show, pass for a refusal; measure the memory."""
    said = ""
    tracemalloc.start()
    try:
        yield
    except UserError as error:
        said = str(error)
    finally:
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert said.isprintable(), repr(said)
    assert len(said) < 1_000
    assert memory < MOST_MEMORY


def changed(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with a few pieces cut out, overwritten or put in, or only its start."""
    pieces = st.sampled_from([b"\0", b"\xff" * 8, b"[" * 200, b": ", b"\n", b'"', b"&a [*a]", b"9" * 40])
    edit = st.tuples(st.integers(0, len(content)), st.integers(0, 20), st.binary(max_size=8) | pieces)

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        result = content
        for start, length, new in edits:
            result = result[:start] + new + result[start + length :]
        return result

    return st.lists(edit, min_size=1, max_size=4).map(apply) | st.integers(0, len(content)).map(lambda n: content[:n])


# What may stand for any value of params.yaml
odd_numbers = st.sampled_from([0, -1, 2**31, 2**32, 2**63, 10**30, -(10**30), 10**4_299, 1e300, 5e-324, 0.9999999])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | odd_numbers
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\ud800", "$\\frac", "../../x", "x; touch PWNED #", "-rf", "a" * 100_000, "imdb", "relu"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4), max_leaves=8
)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value within nested mappings and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@properties
@given(st.lists(st.tuples(st.sampled_from(list(places(CONTENT))), values), min_size=1, max_size=3))
def test_any_params_are_valid_or_refused_in_one_line(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    content = copy.deepcopy(CONTENT)
    for (*outer, last), value in changes:
        place = content
        for key in outer:
            place = place[key] if isinstance(place, dict) and key in place else {}
        if isinstance(place, dict):
            place[last] = value
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        said = first_sentence(error)
        assert said.isprintable()
        assert len(said) < 1_000
        return
    assert max(replicate_seeds(params.seed, params.replicates.n)) < 2**32
    for name, model in params.models.items():
        assert name.isidentifier()
        assert params.datasets[model.dataset].num_words * max([1, *model.hidden[:1]]) <= MOST_WEIGHTS


@pytest.mark.parametrize("file", [PARAMS_FILE, PUBLISHED_FILE], ids=str)
@properties
@given(data=st.data())
def test_any_yaml_is_valid_or_refused_in_one_line(tmp_path: Path, file: Path, data: st.DataObject) -> None:
    path = tmp_path / "given.yaml"
    path.write_bytes(data.draw(changed((ROOT / file).read_bytes())))
    with refused_in_one_line():
        load_params(path) if file == PARAMS_FILE else load_published(PARAMS, path)


@properties
@given(changed(LOCK) | st.binary(max_size=200))
def test_any_lock_is_read_or_refused_in_one_line(content: bytes) -> None:
    with refused_in_one_line():
        for entry in parse_lock(content).values():
            assert all(isinstance(part, dict) for part in (entry.params, entry.deps, entry.outs))


# A folder, params, and metrics that are not in the cache but for the run cache
FOLDER = """
  folder:
    cmd: mkdir -p folder && cp out/end folder/first && cp in.txt folder/second && cp in.txt metrics.txt
    deps: [out/end]
    params: [seed, replicates]
    outs: [folder]
    metrics: [metrics.txt: {cache: false}]
"""
LOCKED = [*(Path("out", name) for name in DIAMOND), Path("folder/first"), Path("folder/second"), Path("metrics.txt")]
odd_entries = st.sampled_from(
    ["in.txt", "out/top", "md5-dos2unix", "a" * 32, "a" * 32 + ".dir", [{"path": "out/top"}], [{"md5": "a" * 32}]]
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> CopyingProject:
    """A project that has run, with all kinds of entries in its dvc.lock."""
    here = CopyingProject(tmp_path_factory.mktemp("locked") / "project", DIAMOND)
    here.write("dvc.yaml", (here.folder / "dvc.yaml").read_text(encoding="utf-8") + FOLDER)
    here.repro()
    return here


@st.composite
def other_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few lines dropped, doubled or swapped."""
    lines = content.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        change = draw(st.sampled_from(["drop", "double", "swap"]))
        if change == "swap":
            lines[one], lines[other] = lines[other], lines[one]
        else:
            lines[one : one + 1] = [] if change == "drop" else [lines[one]] * 2
    return b"".join(lines)


@st.composite
def other_entries(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with an entry, or something in it, removed, renamed, put in or given another value."""
    lock = parse_yaml(content, "dvc.lock")
    *outer, last = draw(st.sampled_from(list(places(lock))))
    place = lock
    for key in outer:
        place = place[key]
    change = draw(st.sampled_from(["remove", "rename", "put in", "replace"]))
    value = place.pop(last) if change in ("remove", "rename") else draw(odd_entries | values)
    if change == "replace":
        place[last] = value
    elif change != "remove" and isinstance(place, dict):
        place[draw(st.sampled_from(["gone", "top", "path", "md5", ""]) | st.text(max_size=5))] = value
    return json.dumps(lock, skipkeys=True).encode()  # which is YAML, too


@pytest.mark.filterwarnings("ignore")  # libraries of DVC are full of them
@settings(properties, max_examples=40 * MORE, deadline=60_000)
@given(data=st.data())
def test_a_run_with_any_lock_ends_well_or_is_refused_and_changes_nothing(
    locked: CopyingProject, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.chdir(locked.folder)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    lock = Path("dvc.lock")
    undisturbed, made = lock.read_bytes(), {path: path.read_bytes() for path in LOCKED}
    mangled = data.draw(st.one_of(kind(undisturbed) for kind in (changed, other_lines, other_entries)))
    lock.write_bytes(mangled)
    try:
        done = CliRunner().invoke(main, ["repro"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert {path: path.read_bytes() for path in LOCKED} == made
        if done.exit_code:
            assert done.output.startswith("error: dvc.lock: expected what DVC writes")
            assert done.output.removesuffix("\n").isprintable()
            assert lock.read_bytes() == mangled
        else:
            assert Repo().status() == {}
    finally:
        lock.write_bytes(undisturbed)


def texts_array(texts: list[list[int]]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def members(protocol: int = 4) -> dict[str, bytes]:
    """The arrays of a small archive in the format of Reuters, as files."""
    texts = texts_array([[1, 2, 300], [], [70_000], [5] * 40, [9, 8], [7]])
    found = {}
    for name, array in {"x": texts, "y": np.array([0, 45, 3, 3, 1, 0])}.items():
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(pickle.dumps(array, protocol) if name == "x" else array.tobytes())
        found[f"{name}.npy"] = file.getvalue()
    return found


def archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, member in files.items():
            zipped.writestr(zipfile.ZipInfo(name), member)
    return content.getvalue()


def changed_archives(protocol: int) -> st.SearchStrategy[bytes]:
    """An archive with changed bytes, or one whose checksums are right and whose arrays are changed."""
    files = members(protocol)
    arrays = [
        changed(content).map(lambda new, name=name: archive({**files, name: new})) for name, content in files.items()
    ]
    return st.one_of(changed(archive(files)), *arrays, st.binary(max_size=100))


def vectorized(folder: Path) -> None:
    """Vectorize what lies in a folder, as the stage does; nothing half-written must stay."""
    target = folder / "vectorized"
    done = False
    with refused_in_one_line():
        with new_directory(target) as new:
            vectorize_official(PARAMS.datasets["reuters"], folder, new)
        done = True
    assert target.exists() == done
    assert {path.name for path in folder.iterdir()} <= {"reuters.npz", "reuters_word_index.json", "vectorized"}
    if done:
        assert {path.name for path in target.iterdir()} == {"train", "test", "labels.json", "word_index.json"}


@pytest.mark.parametrize("protocol", [2, 4])
@properties
@given(data=st.data())
def test_any_archive_is_vectorized_whole_or_not_at_all(protocol: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "reuters.npz").write_bytes(data.draw(changed_archives(protocol)))
        (Path(name) / "reuters_word_index.json").write_text('{"the": 1}', encoding="utf-8")
        vectorized(Path(name))


indices = st.dictionaries(st.text(st.characters(), max_size=5), st.integers() | values, max_size=5)


@properties
@given(
    indices.map(lambda index: json.dumps(index, skipkeys=True).encode())
    | changed('{"the": 1, "d\\u00e9j\\u00e0": 2, "über": 3}'.encode())
)
@example(b'{"\\ud800": 1}')
@example(b'{"a": ' + b"9" * 5_000 + b"}")
@example(b"[" * 100_000)
def test_any_word_index_is_vectorized_whole_or_not_at_all(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "reuters.npz").write_bytes(archive(members()))
        path = Path(name) / "reuters_word_index.json"
        path.write_bytes(content)
        vectorized(Path(name))
        with refused_in_one_line():
            assert all(0 < rank < 2**31 for rank in read_word_index(path).values())


VALID_TEXTS = {
    "csv": 'text,label\n"a, ""b"" c",good\nd é,bad\n'.encode(),
    "tsv": "text\tlabel\na b\tgood\nd é\tbad\n".encode(),
    "jsonl": b'{"text": "a b", "label": "good"}\n{"label": "bad", "text": "\\u00e9"}\n',
    "fasttext": "__label__good a b\n__label__bad d é\n".encode(),
}


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": partial(gzip.compress, mtime=0),
    ".bz2": bz2.compress,
    ".xz": partial(lzma.compress, preset=0),
    ".zst": partial(pyarrow.compress, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize(
    ("form", "ending"), [*((form, "") for form in VALID_TEXTS), *(("csv", end) for end in PACKED)]
)
@properties
@given(data=st.data())
def test_any_file_of_texts_is_read_or_refused_in_one_line(
    tmp_path: Path, form: str, ending: str, data: st.DataObject
) -> None:
    path, pack, valid = tmp_path / f"texts.{form}{ending}", PACKED[ending], VALID_TEXTS[form]
    path.write_bytes(data.draw(changed(pack(valid)) | changed(valid).map(pack) | st.binary().map(pack)))
    with refused_in_one_line():
        for text in read_file(TextFile(path, None), form, Columns()):
            assert 0 < len(text.label) <= LONGEST_LABEL
            text.text.encode()  # no half of a character


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_message_names_no_more_columns_than_a_line_has_room_for(tmp_path: Path, form: str) -> None:
    header = [f"column{number}" for number in range(10_000)]
    line = json.dumps(dict.fromkeys(header)) if form == "jsonl" else {"csv": ",", "tsv": "\t"}[form].join(header)
    (tmp_path / f"texts.{form}").write_text(line, encoding="utf-8")
    with refused_in_one_line():
        list(read_file(TextFile(tmp_path / f"texts.{form}", None), form, Columns()))


def test_a_tab_that_is_missed_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "texts.tsv").write_text('text\tlabel\n""a\tx\n"b\tc"\ty\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"line 2: expected separated values; '\\t' expected"):
        list(read_file(TextFile(tmp_path / "texts.tsv", None), "tsv", Columns()))


@properties
@given(st.text(), st.integers(4, 50))
def test_any_text_has_ids_within_the_vocabulary(text: str, num_words: int) -> None:
    index = {word.decode(): rank for rank, word in enumerate(dict.fromkeys(split_words(text)), start=1)}
    ids = find_word_ids(text, index, num_words)
    assert ids.tolist() == sorted(set(ids.tolist()))
    assert ids[0] == 1
    assert ids[-1] < num_words
    assert all(word and not word.isspace() for word in split_words(text))
