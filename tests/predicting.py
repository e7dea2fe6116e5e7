"""`bagpipe predict` as a person calls it, and texts for it."""

import json
import subprocess
import sys
from pathlib import Path

from bagpipe.scratch.copies import environment
from stages.common.basics.params.reading import load_params
from stages.common.corpora.official import find_official_file, read_archive, split_order

TEXTS = [
    "A great film!<br /><br />It's the BEST I've seen -- really (10/10)...",
    "tabs\tand\nlines,and;semicolons:no_space",
    "quotes \"here\" and 'there', {braces} [brackets] ~tilde~ `tick` ^hat^ a|b @at #1 $5 50% a&b a*b a+b a=b <i>",
    "Ünïcödé İstanbul ẞharp ΣΊΣΥΦΟΣ and non\u00a0breaking\u2003spaces stay",
    "",
    "   ",
    "''' ' don't",
]


def bagpipe(folder: Path, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a copy; `given` is its standard input."""
    command = [sys.executable, "-m", "bagpipe.cli.main", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), input=given or b"", capture_output=True, check=False
    )


def error_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line that a failed command says."""
    lines = done.stderr.decode().strip().splitlines()
    assert done.returncode == 1
    assert len(lines) == 1, done.stderr.decode()
    assert lines[0].startswith("error: ")
    return lines[0]


def raw_texts(folder: Path, name: str) -> list[str]:
    """The test texts of a generated corpus, written out in words, in the order of the test set."""
    dataset = load_params(folder / "params.yaml").datasets[name]
    archive = find_official_file(folder / "data" / "raw" / name, ".npz")
    array = "x_test" if dataset.test_split is None else "x"
    lists = [text for block in read_archive(archive, array) for text in block]
    index = json.loads(find_official_file(archive.parent, ".json").read_text(encoding="utf-8"))
    words = {rank: word for word, rank in index.items()}
    sizes = {"x_train": 4_000, "x_test": 1_000} if dataset.test_split is None else {"x": 5_000}
    order = split_order(dataset, sizes)[array]["test"]
    return [" ".join(words[rank] for rank in lists[position]) for position in order]
