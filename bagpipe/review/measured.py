"""Pages of measurements: which there are, and the lines in which each says of which commit, machine and code it is.

No stage writes them, as a time is another one on the next day and machine. `begin_page` makes the lines when a page
is measured; the check `measured-pages` reads them. They have hashes of the code, so it can be compared in a shallow
clone, too, which need not have the commit.
"""

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from bagpipe.project.git import git_names, git_output
from stages.common.basics.errors import UserError
from stages.common.basics.paths import HERE

DIGITS = 12  # of a hash
LONGEST = 2_000  # characters in which the lines must stand
ABOUT_CODE = re.compile(
    r"at commit ([0-9a-f]+)\b.*\nCode that measures: ([0-9a-f]+); that is measured: ([0-9a-f]+)\b"
)


class Page(NamedTuple):
    """command: what writes it; measures: the files that are its code; measured: files and folders it is about."""

    command: str
    measures: tuple[str, ...]
    measured: tuple[str, ...]


class Lines(NamedTuple):
    """What a page says of its code: the commit, and the hash of each part of the code as it was there."""

    commit: str
    measures: str
    measured: str


def of_benchmarks(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/benchmarks/{name}.py" for name in names)


PAGES = {
    Path("docs/processors.md"): Page(
        "make processors",
        (
            *of_benchmarks("official", "processors", "stages_in_turn"),
            "tests/benchmarks/processors_page.md",
            "tests/editing.py",
            "tests/emulating.py",
            "tests/operations_alone.py",
        ),
        ("stages", "requirements.txt"),
    ),
    Path("docs/first_model.md"): Page(
        "make first-model",
        (*of_benchmarks("first_model"), "tests/benchmarks/first_model_page.md", "tests/editing.py"),
        ("bagpipe/datasets", "stages", "requirements.txt"),
    ),
    HERE.reports / "benchmark.md": Page(
        "make bench",
        (
            *of_benchmarks("bench", "embedding_bag", "floor", "official", "ours", "scaling"),
            *of_benchmarks("serving", "steps", "textbook", "vectorizers"),
            "tests/editing.py",
        ),
        ("bagpipe", "stages", "requirements.txt"),
    ),
    HERE.reports / "parallel.md": Page(
        "make bench-repro",
        of_benchmarks("official", "parallel", "steps"),
        ("bagpipe/project", "bagpipe/repro", "stages", "requirements.txt"),
    ),
    HERE.reports / "soak.md": Page(
        "make soak",
        (*of_benchmarks("soak"), "tests/commands.py", "tests/copying.py", "tests/killing.py"),
        ("bagpipe/project", "bagpipe/repro", "stages/common/basics", "requirements.txt"),
    ),
}


def code_files(paths: Iterable[str]) -> Iterator[Path]:
    """The files among some paths, and the modules in the folders among them."""
    for path in map(Path, paths):
        yield from sorted(path.rglob("[a-z_]*.py")) if path.is_dir() else [path]


def hash_code(paths: Iterable[str]) -> str:
    """The hash of some code; a file that is missing makes it another one."""
    every = hashlib.sha256()
    for file in code_files(paths):
        content = file.read_bytes() if file.is_file() else b""
        every.update(f"{file.as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode())
    return every.hexdigest()[:DIGITS]


def name_machine() -> str:
    """The machine's kind, in words."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"


def begin_page(path: Path) -> str:
    """The first lines of a page, made before anything is measured: the commit is the one that is measured.

    Raises:
        UserError: something here differs from the last commit.
    """
    page = PAGES[path]
    changed = git_names("diff", "--name-only", "-z", "HEAD", "--", ".", f":(exclude){HERE.reports}")
    if changed:
        problem = f"expected what is in the last commit, as {path} names it; found changes in {', '.join(changed)}"
        raise UserError(f"{problem}: commit or stash them, then `{page.command}`")
    commit = git_output("rev-parse", f"--short={DIGITS}", "HEAD").decode().strip()
    return (
        f"Measured on {date.today().isoformat()} by `{page.command}` at commit {commit}, on {name_machine()}.\n"
        f"Code that measures: {hash_code(page.measures)}; that is measured: {hash_code(page.measured)}. "
        "`bagpipe verify` says if it has changed since."
    )


def read_lines(path: Path) -> Lines | None:
    """What a page says of its code; None if it does not."""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = ABOUT_CODE.search(file.read(LONGEST))
    return Lines(*found.groups()) if found else None
