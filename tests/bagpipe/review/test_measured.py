"""Pages of measurements: what they say of themselves, and what `bagpipe verify` makes of it."""

import ast
import contextlib
import os
import platform
from datetime import date
from pathlib import Path

import pytest
from verifying import clone, commit, findings, git, verify

from bagpipe.review.measured import PAGES, Page, begin_page, hash_code, name_machine, read_lines
from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from tests.benchmarks.bench import HEADLINE, NAMES, page
from tests.benchmarks.scaling import Measured
from tests.benchmarks.steps import Run

SOAK = Path("reports/soak.md")
MEASURES, MEASURED = Path("tests/benchmarks/soak.py"), Path("bagpipe/repro/jobs.py")


def write_code(folder: Path, path: Path, line: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(f"{line}\n", encoding="utf-8")


def measure(folder: Path) -> str:
    """Write a page as `make soak` does, in a repository without changes; return its first lines."""
    with contextlib.chdir(folder):
        head = begin_page(SOAK)
    (folder / SOAK).parent.mkdir(exist_ok=True)
    (folder / SOAK).write_text(f"# Kills\n\n{head}\n\nAll survived.\n", encoding="utf-8")
    return head


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that has the code of a page, or some of it."""
    write_code(tmp_path, MEASURES, "TRIES = 1")
    write_code(tmp_path, MEASURED, "JOBS = 1")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def test_a_page_says_of_which_day_commit_and_machine_it_is(repository: Path) -> None:
    head = measure(repository)
    name = git(repository, "rev-parse", "HEAD")[:12]
    assert head.startswith(f"Measured on {date.today().isoformat()} by `make soak` at commit {name}, on ")
    assert f"{os.cpu_count()} cores (" in head
    assert f"), {platform.system()}, Python {platform.python_version()}." in head
    assert platform.node() not in name_machine()


def test_a_page_has_the_hashes_of_its_code(repository: Path) -> None:
    measure(repository)
    code = PAGES[SOAK]
    with contextlib.chdir(repository):
        lines = read_lines(SOAK)
        assert lines
        assert (lines.measures, lines.measured) == (hash_code(code.measures), hash_code(code.measured))
        write_code(repository, MEASURES, "TRIES = 2")
        assert lines.measures != hash_code(code.measures)
        assert lines.measured == hash_code(code.measured)
        write_code(repository, Path("bagpipe/repro/another.py"), "")
        assert lines.measured != hash_code(code.measured)


@pytest.mark.parametrize("text", ["", "# Kills\n\nWritten by `make soak`, on 2 cores.\n", "# Kills\n" * 2_000])
def test_a_page_that_does_not_say_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    assert read_lines(tmp_path / "page.md") is None


def test_what_is_not_committed_is_not_measured(repository: Path) -> None:
    measure(repository)
    measure(repository)  # the page itself may be new
    write_code(repository, MEASURED, "JOBS = 2")
    with pytest.raises(UserError) as caught:
        measure(repository)
    expected = (
        "expected what is in the last commit, as reports/soak.md names it; found changes in bagpipe/repro/jobs.py: "
        "commit or stash them, then `make soak`"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize("code", PAGES.values(), ids=map(str, PAGES))
def test_what_measures_is_all_listed(code: Page) -> None:
    for path in (path for path in code.measures if path.endswith(".py")):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = Path("tests", *node.module.removeprefix("tests.").split(".")).with_suffix(".py")
                assert str(module) in code.measures or not (ROOT / module).is_file()
    assert [path for path in code.measured if not (ROOT / path).exists()] == []


def test_every_contestant_is_listed() -> None:
    assert {f"tests/benchmarks/{name}.py" for name in NAMES} <= set(PAGES[Path("reports/benchmark.md")].measures)


# What `bagpipe verify` says


@pytest.fixture
def measured(project: Path) -> Path:
    """A true project with a page of measurements."""
    write_code(project, MEASURES, "TRIES = 1")
    write_code(project, MEASURED, "JOBS = 1")
    commit(project)
    measure(project)
    commit(project)
    return project


def test_a_change_of_what_is_measured_is_noted_and_no_failure(measured: Path) -> None:
    done = verify(measured)
    assert (done.returncode, "What is measured" in done.stdout) == (0, False)
    name = git(measured, "rev-parse", "HEAD~1")[:12]
    write_code(measured, MEASURED, "JOBS = 2")
    commit(measured)
    done = verify(measured)
    assert done.returncode == 0, done.stdout
    assert f"        What is measured has changed since: reports/soak.md (commit {name}).\n" in done.stdout


def test_a_change_of_what_measures_is_a_failure_in_a_shallow_clone_too(measured: Path) -> None:
    write_code(measured, MEASURES, "TRIES = 2")
    commit(measured)
    arguments = ("--only", "measured-pages")
    (found,) = findings(clone(measured, "--depth", "1"), *arguments)
    assert found["stage"] == "reports/soak.md"
    assert found["problem"].startswith("the code that measured it at commit ")
    assert found["fix"] == "`make soak`, then commit"
    write_code(measured, MEASURES, "TRIES = 1")
    commit(measured)
    assert findings(measured, *arguments) == []


# reports/benchmark.md


EACH = dict.fromkeys(("vectorize", "train", "predict"), 1.0)
SCALED = Measured(10, EACH, EACH, 1.0)


def ran(*steps: str) -> list[Run]:
    report = {
        "seconds": {name: dict.fromkeys(steps, 2.0) for name in HEADLINE},
        "accuracy": dict.fromkeys(HEADLINE, 0.8),
    }
    return [Run(report, 10.0, 100.0)]


@pytest.mark.parametrize("torch", [False, True])
def test_the_benchmark_speaks_only_of_what_has_run(monkeypatch: pytest.MonkeyPatch, torch: bool) -> None:
    monkeypatch.chdir(ROOT)
    every = ("load", "vectorize", "fit", "final fit", "evaluate", "steps")
    runs = {name: ran(*every) for name in ("textbook", "ours", "floor", "chain", "repro")}
    if torch:
        runs["embedding_bag"] = ran("fit", "final fit", "evaluate")
    text = page("Measured.", runs, "", "", "", [SCALED], load_params(), 1)
    assert ("torch" in text, "(d)" in text) == (torch, torch)
    assert text.startswith("# Benchmark\n\nMeasured.\n")
