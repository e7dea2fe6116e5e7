"""Downloads from folders and from a server: which source is asked, and how a next run goes on."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from editing import edit_yaml
from sources import (
    ARCHIVE,
    CONTENT,
    INDEX,
    RAW,
    Server,
    assert_complete,
    assert_refused,
    fill,
    settings,
    status,
    whole,
)

from bagpipe.scratch.copies import copy_project
from stages.common.basics.params.reading import PARAMS_FILE
from stages.download import download

pytestmark = pytest.mark.usefixtures("pauses")


# Sources


def test_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    monkeypatch.setenv("DATASETS_MIRROR", str(fill(tmp_path / "mirror")))
    download(settings(closed), "imdb")
    assert_complete()


def test_a_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    fill(tmp_path / "mirror")
    monkeypatch.setenv("DATASETS_MIRROR", "mirror")
    download(settings(closed), "imdb")
    assert_complete()


@pytest.mark.parametrize("slash", ["", "/"])
def test_from_a_url(monkeypatch: pytest.MonkeyPatch, server: Server, closed: str, slash: str) -> None:
    monkeypatch.setenv("DATASETS_MIRROR", server.url + slash)
    download(settings(closed), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, INDEX]


def test_sources_are_asked_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror, cache = fill(tmp_path / "mirror"), fill(tmp_path / "keras" / "datasets")
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    for source in (str(mirror), str(cache), server.url):
        download(settings(server.url), "imdb")
        assert_complete()
        assert f"from {source}" in capsys.readouterr().out
        assert (server.asked != []) == (source == server.url)
        shutil.rmtree(source, ignore_errors=True)


def test_one_file_here_another_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    mirror = fill(tmp_path / "mirror")
    (mirror / INDEX).unlink()
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.asked == [INDEX]


def test_a_source_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    mirror = fill(tmp_path / "mirror")
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    download(settings(closed), "imdb")
    assert {path.name: path.read_bytes() for path in mirror.iterdir()} == CONTENT


# Going on


def test_what_was_fetched_is_not_fetched_again(server: Server) -> None:
    server.answers[INDEX] = [status(404), whole]
    assert_refused(settings(server.url), INDEX)
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, INDEX, INDEX]


def test_what_was_fetched_is_verified_again(server: Server) -> None:
    """It may have been another version of the file, or have been damaged since."""
    server.answers[INDEX] = [status(404), whole]
    assert_refused(settings(server.url), INDEX)
    (kept,) = Path("data").rglob(ARCHIVE)
    kept.write_bytes(b"something else")
    download(settings(server.url), "imdb")
    assert_complete()


def test_other_files_do_not_come_along(server: Server) -> None:
    server.answers[INDEX] = [status(404), whole]
    assert_refused(settings(server.url), INDEX)
    (kept,) = Path("data").rglob(ARCHIVE)
    kept.with_name("left_over").touch()
    download(settings(server.url), "imdb")
    assert_complete()


def test_an_old_download_is_replaced(server: Server) -> None:
    RAW.mkdir(parents=True)
    (RAW / ARCHIVE).write_bytes(b"old")
    download(settings(server.url), "imdb")
    assert_complete()


def start(folder: Path, official: str, **options: object) -> subprocess.Popen[str]:
    """Run the stage as DVC does, in a copy of the project in `folder`."""
    copy_project(folder)
    params = settings(official)

    def edit(content: dict) -> None:
        content["download"].update(params.download.model_dump())
        content["official"]["imdb"] = params.model_dump()["official"]["imdb"]

    edit_yaml(folder / PARAMS_FILE, edit)
    return subprocess.Popen(
        [sys.executable, "-m", "stages", "download", "imdb"],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_a_killed_download_does_not_count_and_the_next_goes_on(tmp_path: Path, server: Server) -> None:
    server.answers[INDEX] = [server.stall, whole]
    with start(tmp_path, server.url) as process:
        assert server.asked_for_index.wait(20)
        process.kill()
    assert not RAW.exists()
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, INDEX, INDEX]


def test_a_full_disk_is_no_fault_of_the_source(tmp_path: Path, server: Server) -> None:
    """A limit on the size of files stands in for the full disk."""
    limit = len(CONTENT[ARCHIVE]) // 2
    with start(
        tmp_path,
        server.url,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    ) as process:
        output, complaint = process.communicate()
    assert process.returncode == 1, output + complaint
    assert len(complaint.splitlines()) == 1
    assert "data/raw" in complaint
    assert not RAW.exists()


@pytest.mark.parametrize("speed", [5e-324, 1e-6])
def test_no_speed_is_too_low_for_a_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float) -> None:
    monkeypatch.setenv("DATASETS_MIRROR", str(fill(tmp_path / "mirror")))
    monkeypatch.chdir(tmp_path)
    params = settings("http://localhost:1/")
    slow = params.download.model_copy(update={"lowest_speed": speed})
    download(params.model_copy(update={"download": slow}), "imdb")
    assert_complete()
