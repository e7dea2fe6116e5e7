"""Downloads from sources that misbehave."""

import base64
import io
import logging
import os
import re
import resource
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sources import (
    ARCHIVE,
    CONTENT,
    INDEX,
    RAW,
    Answer,
    Handler,
    Server,
    altered,
    assert_complete,
    assert_refused,
    compressed,
    cut_off,
    endless,
    endless_redirect,
    fill,
    html,
    redirect,
    settings,
    shorter,
    status,
    trickle,
    trickle_of_headers,
    whole,
)

from stages.common.basics import errors
from stages.download import NoSourceError, download

pytestmark = pytest.mark.usefixtures("pauses")


@contextmanager
def all_that_is_logged() -> Iterator[io.StringIO]:
    """What any library logs, however little it matters."""
    log, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield log
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (altered, "sha256"),
        (shorter, "199,999 bytes"),
        (html, "an HTML page"),
        (status(404), "HTTP status 404"),
        (status(403), "HTTP status 403"),
        (status(503), "HTTP status 503"),
    ],
    ids=["altered", "shorter", "html", "404", "403", "503"],
)
def test_a_bad_answer_does_not_count(server: Server, answer: Answer, reason: str) -> None:
    server.answers[ARCHIVE] = [answer]
    assert_refused(settings(server.url), f"{server.url}: ", reason)


def test_a_server_that_stalls(server: Server) -> None:
    for answer in (server.stall, server.say_nothing):
        server.answers[ARCHIVE] = [answer]
        assert_refused(settings(server.url), f"{server.url}: no answer in time")


def test_a_connection_that_breaks_off(server: Server) -> None:
    server.answers[ARCHIVE] = [cut_off]
    with pytest.raises(NoSourceError, match=f"{server.url}: [^()]+\n"):  # words, not the innards of urllib3
        download(settings(server.url), "imdb")
    assert not RAW.exists()


def test_a_bad_mirror_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    mirror = fill(tmp_path / "mirror")
    (mirror / ARCHIVE).write_bytes(CONTENT[ARCHIVE][:1_000])
    (mirror / INDEX).write_text("<html>", encoding="utf-8")
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, INDEX]


@pytest.mark.parametrize(
    "answer",
    [endless, compressed(bytes(1 << 24)), compressed(CONTENT[ARCHIVE] + b"!")],
    ids=["endless", "bomb", "more"],
)
def test_no_more_is_taken_than_is_expected(server: Server, answer: Answer) -> None:
    """Nor unpacked: a bomb's 16 MB are told from the 200 kB expected after these."""
    server.answers[ARCHIVE] = [answer]
    tracemalloc.start()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT[ARCHIVE]) + 1, limit[1]))  # a byte more, and writing fails
    try:
        assert_refused(settings(server.url), "expected 200,000 bytes, found more")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000


def test_nothing_is_taken_of_a_redirect_without_end(server: Server) -> None:
    server.answers[ARCHIVE] = [endless_redirect]
    server.answers[f"there/{ARCHIVE}"] = [lambda handler, _: whole(handler, ARCHIVE)]
    tracemalloc.start()
    download(settings(server.url), "imdb")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert_complete()
    assert most < 8_000_000


def test_what_is_compressed_though_not_asked_for_is_unpacked(server: Server) -> None:
    server.answers[ARCHIVE] = [compressed(CONTENT[ARCHIVE])]
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.encodings_wanted == ["identity"]


@pytest.mark.parametrize("answer", [trickle, trickle_of_headers], ids=["content", "headers"])
def test_a_source_that_goes_on_for_ever_is_left(
    monkeypatch: pytest.MonkeyPatch, server: Server, answer: Answer, tmp_path: Path
) -> None:
    """The whole file has a deadline, here of half a second; the next source is tried."""
    server.answers[ARCHIVE] = [answer]
    monkeypatch.setenv("DATASETS_MIRROR", server.url)
    started = time.monotonic()
    assert_refused(settings("http://127.0.0.1:9/"), f"{server.url}: slower than 1,000,000 bytes a second")
    fill(tmp_path / "keras" / "datasets")
    download(settings("http://127.0.0.1:9/"), "imdb")
    assert_complete()
    assert time.monotonic() - started < 5


def test_a_mirror_of_odd_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> None:
    """A pipe that nobody writes into, and a file without end."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    os.mkfifo(mirror / ARCHIVE)
    (mirror / INDEX).symlink_to("/dev/zero")
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    download(settings(server.url), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, INDEX]


ADDRESSES = [
    *(
        "http://[",
        "http://[::1",
        "http://a:b/",
        "http://",
        "//",
        "http:///x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
    ),
    *(
        "http://" + "a" * 100 + ".b/",
        "http://a..b/",
        "http://%zz/",
        "http://\x1b[31mred/",
        "http://xn--a/",
        "\x1b]0;",
    ),
    "http://*.example.invalid:99999/",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_redirect_to_an_address_that_is_none(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path, address: str
) -> None:
    server.answers[ARCHIVE] = [redirect(address)]
    monkeypatch.setenv("DATASETS_MIRROR", server.url)
    with pytest.raises(
        NoSourceError, match=f"{server.url}: (expected an address|cannot be reached|redirects without)"
    ) as caught:
        download(settings("http://127.0.0.1:9/"), "imdb")
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    fill(tmp_path / "keras" / "datasets")  # which is asked next
    download(settings("http://127.0.0.1:9/"), "imdb")
    assert_complete()


@pytest.mark.parametrize("mirror", ["s3://bucket/datasets", "ftp://example.org/x", "file:///tmp", "HTTQ://x"])
def test_a_mirror_that_is_not_supported(monkeypatch: pytest.MonkeyPatch, server: Server, mirror: str) -> None:
    monkeypatch.setenv("DATASETS_MIRROR", mirror)
    scheme = mirror.partition("://")[0]
    said = f"  {mirror}: expected a folder, or an address at http:// or https://; found {scheme}://\n"
    assert_refused(settings("http://127.0.0.1:9/"), said)
    download(settings(server.url), "imdb")
    assert_complete()


def test_a_mirror_in_the_home_of_its_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed: str) -> None:
    fill(tmp_path / "mirror")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATASETS_MIRROR", "~/mirror")
    download(settings(closed), "imdb")
    assert_complete()


@pytest.mark.parametrize(
    "user", ["me:secret", "me:sec%2Fret", "me:sec/ret", "me:s@cret", "secret", ":secret", "me:secret@"]
)
@pytest.mark.parametrize("scheme", ["http", "ftp", "s3", "HTTPS"])
def test_a_password_is_never_told(
    monkeypatch: pytest.MonkeyPatch, server: Server, capfd: pytest.CaptureFixture[str], user: str, scheme: str
) -> None:
    mirror = f"{scheme}://{user}@127.0.0.1:{server.server_port}/files"
    monkeypatch.setenv("DATASETS_MIRROR", mirror)
    with all_that_is_logged() as log:
        server.answers[ARCHIVE] = [status(404)]
        with pytest.raises(SystemExit):
            errors.run(lambda: download(settings(mirror), "imdb"))
        server.answers[ARCHIVE] = [redirect(mirror.replace(":" + str(server.server_port), ":x"))]
        with pytest.raises(SystemExit):
            errors.run(lambda: download(settings(mirror), "imdb"))
        server.answers[ARCHIVE] = [whole]
        download(settings(server.url), "imdb")
    printed = "".join(capfd.readouterr()) + log.getvalue()
    assert f"{scheme}://127.0.0.1:{server.server_port}/files: " in printed
    assert not re.search("se?c.{0,4}ret|me:", printed)


def test_a_mirror_with_a_password_is_asked_with_it(
    monkeypatch: pytest.MonkeyPatch, server: Server, capfd: pytest.CaptureFixture[str], closed: str
) -> None:
    given = []

    def guarded(handler: Handler, name: str) -> None:
        given.append(handler.headers["Authorization"])
        whole(handler, name)

    server.answers[ARCHIVE] = [guarded]
    monkeypatch.setenv("DATASETS_MIRROR", f"http://me:secret@127.0.0.1:{server.server_port}/files")
    download(settings(closed), "imdb")
    assert_complete()
    assert given == ["Basic " + base64.b64encode(b"me:secret").decode()]
    assert f"from http://127.0.0.1:{server.server_port}/files\n" in capfd.readouterr().out


@pytest.mark.parametrize("answer", [status(500), cut_off], ids=["500", "cut off"])
def test_a_server_in_trouble_is_asked_again(server: Server, pauses: list[float], answer: Answer) -> None:
    server.answers[ARCHIVE] = [answer, answer, whole]
    download(settings(server.url, retries=2), "imdb")
    assert_complete()
    assert server.asked == [ARCHIVE, ARCHIVE, ARCHIVE, INDEX]
    assert 0 < pauses[0] < pauses[1]


def test_retries_come_to_an_end(server: Server) -> None:
    server.answers[ARCHIVE] = [status(500)]
    assert_refused(settings(server.url, retries=2), "HTTP status 500")
    assert server.asked == [ARCHIVE] * 3


def test_a_missing_file_is_not_asked_for_again(server: Server) -> None:
    server.answers[ARCHIVE] = [status(404)]
    assert_refused(settings(server.url, retries=2))
    assert server.asked == [ARCHIVE]


def test_no_source_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = tmp_path / "absent"
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror))
    with pytest.raises(SystemExit) as caught:
        errors.run(lambda: download(settings(closed), "imdb"))
    assert caught.value.code == 3
    message = capsys.readouterr().err
    assert f"{mirror}: no such file" in message
    assert f"{tmp_path / 'keras' / 'datasets'}: no such file" in message
    assert f"{closed}: cannot be reached" in message
    assert "DATASETS_MIRROR" in message.splitlines()[-1]
    assert "make demo" in message.splitlines()[-1]
    assert not RAW.exists()
