"""`bagpipe repro` after rot, a full disk or a kill have damaged what DVC keeps: it is told, and done again."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from commands import dvc
from copying import BRANCHES, DIAMOND, CopyingProject, until
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml
from dvc_objects.fs.utils import tmp_fname

from bagpipe.project.run_cache import HashedRunCache

# A folder and a metrics file, which is not in the cache but for the run cache
FOLDER = """
stages:
  make:
    cmd: mkdir -p folder/inner && cp in.txt folder/inner/first && cp work.py folder/second && cp in.txt metrics.txt
    deps: [in.txt]
    outs: [folder]
    metrics: [metrics.txt: {cache: false}]
"""
OBJECTS = ".dvc/cache/files/md5"


# --- dvc.lock -----------------------------------------------------------------------------------------------------


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let child processes write no more than `size` bytes to a file: the write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_for_a_new_lock_the_old_one_stays(copying) -> None:
    here = copying(DIAMOND)
    here.repro()
    lock = here.folder / "dvc.lock"
    gone = "".join(f"  gone{number}:\n    cmd: {'x' * 2_000}\n" for number in range(200))
    lock.write_text(lock.read_text(encoding="utf-8") + gone, encoding="utf-8")
    before = lock.read_bytes()
    here.write("in.txt", "changed\n")
    here.calls()
    with largest_file(300_000):
        printed = here.repro(status=1)
    assert printed.splitlines()[-1].startswith("error: dvc.lock: cannot be written: ")
    assert lock.read_bytes() == before
    assert len(here.calls()) == 4
    assert "4 restored from the cache" in here.repro()
    assert here.calls() == []
    here.assert_up_to_date()


def test_entries_stand_in_the_same_order_whatever_has_failed(copying, tmp_path: Path) -> None:
    here = copying(BRANCHES)
    here.on("bad", "sys.exit(1)")
    here.repro("--keep-going", status=1)
    here.on("bad", "")
    here.repro()
    serial = CopyingProject(tmp_path / "serial", BRANCHES)
    assert dvc(serial.folder, "repro", capture_output=True).returncode == 0
    assert (here.folder / "dvc.lock").read_bytes() == (serial.folder / "dvc.lock").read_bytes()
    assert len(here.locked()) == 4


def test_entries_of_removed_stages_stay_last(copying) -> None:
    here = copying(BRANCHES)
    here.repro()
    content = (here.folder / "dvc.lock").read_text(encoding="utf-8")
    here.write("dvc.lock", content.replace("stages:\n", "stages:\n  gone:\n    cmd: x\n"))
    here.write("bad.txt", "changed\n")
    here.repro()
    assert list(load_yaml(here.folder / "dvc.lock")["stages"]) == ["bad", "good", "after_bad", "after_good", "gone"]


@pytest.mark.parametrize("content", [b"", b"schema: '2.0'\nstages:\n  top", b"<<<<<<< ours\n", b"\xff"])
def test_a_torn_lock_can_be_deleted(copying, content: bytes) -> None:
    here = copying(DIAMOND)
    here.repro()
    (here.folder / "dvc.lock").write_bytes(content)
    printed = here.repro(status=1)
    assert printed.startswith("error: dvc.lock: expected what DVC writes, found something else: ")
    assert printed.count("\n") == 1
    here.calls()
    (here.folder / "dvc.lock").unlink()
    assert "4 restored" in here.repro()
    assert here.calls() == []


# --- the cache ----------------------------------------------------------------------------------------------------


def rot(path: Path) -> None:
    """Flip a bit of a file in the cache; like a disk, without a sign in its date, size or mode."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(times.st_mode)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def cached(folder: Path) -> set[Path]:
    return {path for path in (folder / OBJECTS).rglob("*") if path.is_file()}


def test_a_rotten_file_is_computed_not_restored(copying) -> None:
    here = copying({"top": ["in.txt"], "end": ["out/top"]})
    here.repro()
    (rotten,) = cached(here.folder)  # the text that both stages come to
    here.write("in.txt", "changed\n")
    here.repro()
    rot(rotten)
    here.write("in.txt", "in.txt\n")
    here.calls()
    printed = here.repro()
    assert printed.count("is damaged") == 1
    assert f"{rotten.relative_to(here.folder)} is damaged: removed, " in printed
    assert here.calls() == ["top"]
    assert here.output("end") == "in.txt\n"
    here.assert_up_to_date()


def test_each_file_of_a_folder_is_hashed(copying) -> None:
    here = copying({"one": ["in.txt"]})
    here.write("dvc.yaml", FOLDER)
    here.repro()
    objects = sorted(cached(here.folder))
    assert len(objects) == 3  # the list of the folder, `second`, and the text of `first` and the metrics
    made = {path: path.read_bytes() for path in (here.folder / "folder").rglob("*") if path.is_file()}
    for rotten in (None, *objects):
        shutil.rmtree(here.folder / "folder")
        (here.folder / "metrics.txt").unlink()
        if rotten:
            rot(rotten)
        printed = here.repro()
        assert ("1 restored" in printed, "is damaged" in printed) == ((False, True) if rotten else (True, False))
        assert {path: path.read_bytes() for path in made} == made
        assert (here.folder / "metrics.txt").read_text(encoding="utf-8") == "in.txt\n"
    here.assert_up_to_date()


def test_what_is_computed_does_not_come_back_from_a_rotten_file(copying) -> None:
    """DVC links what a stage has written to what its cache has under the same hash."""
    here = copying({"one": ["one.txt"]})
    here.repro()
    (rotten,) = cached(here.folder)
    rot(rotten)
    pipeline = (here.folder / "dvc.yaml").read_text(encoding="utf-8")
    here.write("dvc.yaml", pipeline.replace("cmd: ", "cmd: true && "))
    assert "is damaged" in here.repro()
    assert here.output("one") == rotten.read_text(encoding="utf-8") == "one.txt\n"
    here.assert_up_to_date()


@pytest.mark.parametrize("link", ["copy", "hardlink"])
def test_a_folder_that_is_computed_takes_no_rotten_file_of_an_earlier_one(copying, link: str) -> None:
    here = copying({"one": ["in.txt"]})
    here.write("dvc.yaml", FOLDER)
    with open(here.folder / ".dvc" / "config", "a", encoding="utf-8") as config:
        config.write(f"[cache]\n    type = {link}\n")
    here.repro()
    good = (here.folder / "work.py").read_bytes()
    (rotten,) = (path for path in cached(here.folder) if path.read_bytes() == good)
    rot(rotten)
    here.write("in.txt", "changed\n")
    assert here.repro().count("is damaged") == 1
    assert (here.folder / "folder" / "second").read_bytes() == rotten.read_bytes() == good
    here.assert_up_to_date()


def test_a_damaged_entry_of_the_run_cache_is_dropped(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    here = copying({"one": ["one.txt"]})
    here.repro()
    (entry,) = (path for path in (here.folder / ".dvc/cache/runs").rglob("*") if path.is_file())
    good = entry.read_bytes()
    entry.write_bytes(b"cmd: python work.py one one.txt\n")
    (here.folder / "dvc.lock").unlink()
    (here.folder / "out" / "one").unlink()
    here.calls()
    assert f"{entry.relative_to(here.folder)} is damaged: removed, " in here.repro()
    assert here.calls() == ["one"]
    assert entry.read_bytes() == good
    here.assert_up_to_date()

    # no entry is left where the stage then fails, or DVC is killed before it writes one
    entry.unlink()
    (here.folder / "dvc.lock").unlink()
    here.repro()
    assert here.calls() == ["one"]
    assert entry.read_bytes() == good

    monkeypatch.chdir(here.folder)
    told: list[str] = []
    cache = HashedRunCache(Repo(), told.append)
    load = partial(cache._load_cache, entry.parent.name, entry.name)
    assert load()["cmd"] == "python work.py one one.txt"
    rubbish = [b"", b"\xff\0", b"{", b"[]", b"- 1", b"? [a]\n: b", b"[" * 5_000, b"cmd: 2001-99-99", b"&a [*a]"]
    for content in (*rubbish, good[:-20], good.replace(b"one.txt", b"two.txt")):
        entry.write_bytes(content)
        assert load() is None
        assert not entry.exists()
    assert len(told) == len(rubbish) + 2
    assert load() is None


# --- what is written beside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", '{"write": {"/x": {"pi', '{"write": 3}', "[" * 100_000])
def test_a_torn_list_of_readers_and_writers_is_removed(copying, content: str) -> None:
    here = copying(DIAMOND)
    here.repro()
    here.write(".dvc/tmp/rwlock", content)
    assert here.repro().startswith(".dvc/tmp/rwlock was torn when DVC was killed: removed\n")
    here.assert_up_to_date()


def test_but_not_while_dvc_is_running(copying, tmp_path: Path) -> None:
    here = copying(DIAMOND)
    here.repro()
    here.write(".dvc/tmp/rwlock")
    (tmp_path / "dvc").write_text("print(flush=True); input()", encoding="utf-8")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, tmp_path / "dvc"], cwd=here.folder, **pipes) as running:
        running.stdout.readline()
        printed = here.repro(status=1)
        running.stdin.close()
    assert f"(process {running.pid}): wait until it ends, then run again" in printed
    assert printed.count("\n") == 1
    until(lambda: not here.processes())
    here.repro()


def test_what_a_killed_stage_had_not_finished_is_removed(copying) -> None:
    """A stage that reads the folder would take it for one of its files."""
    here = copying({"one": ["one.txt"], "two": ["two.txt"]})
    here.repro()
    before = (here.folder / "dvc.lock").read_bytes()
    (here.folder / "out" / ".one.partial" / "inner").mkdir(parents=True)
    (here.folder / "out" / ".two.partial").touch()
    here.write(f"out/{tmp_fname()}", "DVC was restoring")
    here.repro()
    assert {path.name for path in (here.folder / "out").iterdir()} == {"one", "two"}
    assert (here.folder / "dvc.lock").read_bytes() == before


def test_what_is_left_of_a_download_is_kept(copying) -> None:
    """It is checked before it is used."""
    here = copying({"one": ["one.txt"]})
    stage = "\n  raw:\n    cmd: mkdir -p data/raw/some && date > data/raw/some/file\n    outs: [data/raw/some]\n"
    here.write("dvc.yaml", (here.folder / "dvc.yaml").read_text(encoding="utf-8") + stage)
    (here.folder / "data" / "raw").mkdir(parents=True)
    here.write("data/raw/.some.partial", "half of it")
    here.repro()
    assert (here.folder / "data" / "raw" / ".some.partial").read_text(encoding="utf-8") == "half of it"


@pytest.mark.parametrize("configured", [False, True])
def test_a_damaged_database_of_dvc_is_one_line(
    copying, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, configured: bool
) -> None:
    here, site = copying({"one": ["one.txt"]}), tmp_path / "site"
    if configured:
        monkeypatch.delenv("DVC_SITE_CACHE_DIR")
        config = (here.folder / ".dvc" / "config").read_text(encoding="utf-8")
        here.write(".dvc/config", config.replace("[core]", f"[core]\n    site_cache_dir = {site}"))
    else:
        monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(site))
    here.repro()
    databases = list(site.rglob("cache.db"))
    assert databases
    for path in databases:
        path.write_bytes(b"garbage" * 1_000)
    printed = here.repro(status=1)
    assert printed.startswith(f"error: {site}: DVC's database of what it has hashed: file is not a database; ")
    assert printed.count("\n") == 1
