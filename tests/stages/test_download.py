"""Downloads from folders and from a server of this machine that can be told to misbehave."""

import base64
import gzip
import hashlib
import io
import logging
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from editing import edit_yaml

from bagpipe.scratch.copies import ROOT, copy_project
from stages.common.basics import errors
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import File
from stages.download import NoSourceError, download

ARCHIVE, INDEX = "imdb.npz", "imdb_word_index.json"
CONTENT = {ARCHIVE: b"an archive" * 20_000, INDEX: b'{"the": 1}'}
RAW = Path("data/raw/imdb")

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler, str], None]


def send(handler: Handler, content: bytes, length: int, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(content)


def whole(handler: Handler, name: str) -> None:
    send(handler, CONTENT[name], len(CONTENT[name]))


def altered(handler: Handler, name: str) -> None:
    send(handler, CONTENT[name][:-1] + b"?", len(CONTENT[name]))


def shorter(handler: Handler, name: str) -> None:
    send(handler, CONTENT[name][:-1], len(CONTENT[name]) - 1)


def cut_off(handler: Handler, name: str) -> None:
    send(handler, CONTENT[name][:100], len(CONTENT[name]))
    handler.close_connection = True


def html(handler: Handler, name: str) -> None:
    page = b"<!DOCTYPE html><title>Please sign in</title>"
    send(handler, page, len(page))


def endless(handler: Handler, name: str) -> None:
    """Send zeros until the other side has had enough."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(bytes(1 << 16))


def compressed(content: bytes) -> Answer:
    """Send content in gzip, though nobody asked for that."""
    packed = gzip.compress(content, compresslevel=1)

    def answer(handler: Handler, name: str) -> None:
        handler.server.encodings_wanted.append(handler.headers["Accept-Encoding"])
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(packed)

    return answer


def trickle(handler: Handler, name: str) -> None:
    handler.send_response(200)
    handler.end_headers()
    drip(handler, CONTENT[name])


def trickle_of_headers(handler: Handler, name: str) -> None:
    drip(handler, b"HTTP/1.0 200 OK\r\nX: " + b"x" * 60_000)


def drip(handler: Handler, content: bytes) -> None:
    """Send a byte every 50 ms: often enough not to count as silence."""
    with suppress(OSError):
        for byte in content:
            handler.wfile.write(bytes([byte]))
            if handler.server.closing.wait(0.05):
                return


def redirect(address: str) -> Answer:
    def answer(handler: Handler, name: str) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless_redirect(handler: Handler, name: str) -> None:
    """Send on to where the file is, and go on."""
    handler.send_response(302)
    handler.send_header("Location", f"/files/there/{name}")
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(bytes(1 << 16))


def status(code: int) -> Answer:
    return lambda handler, name: send(handler, b"", 0, code)


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `answers` gives the next answers for a file, of which the last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.encodings_wanted: list[str] = []
        self.asked_for_index = threading.Event()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files"

    def stall(self, handler: Handler, name: str) -> None:
        """Send the beginning, then nothing more."""
        send(handler, CONTENT[name][:5], len(CONTENT[name]))
        handler.wfile.flush()
        self.closing.wait(30)

    def say_nothing(self, handler: Handler, name: str) -> None:
        self.closing.wait(30)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Server = self.server
        name = self.path.removeprefix("/files/")
        server.asked.append(name)
        if name == INDEX:
            server.asked_for_index.set()
        answers = server.answers.get(name, [whole])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self, name)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def closed() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """An empty place without sources; the pauses between tries, which are not waited for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("DATASETS_MIRROR", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    found: list[float] = []
    monkeypatch.setattr("pooch.core.time.sleep", found.append)
    return found


def settings(official: str, retries: int = 0) -> Params:
    """params.yaml with small files, and `official` as the official address."""
    params = load_params(ROOT / PARAMS_FILE)
    files = {
        name: File(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        for name, content in CONTENT.items()
    }
    address = params.download.model_copy(
        update={"url": official, "retries": retries, "timeout": 0.3, "lowest_speed": 1e6}
    )
    return params.model_copy(update={"download": address, "official": {"imdb": files}})


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


def assert_complete() -> None:
    assert {path.name: path.read_bytes() for path in RAW.iterdir()} == CONTENT
    assert sorted(path.name for path in RAW.parent.iterdir()) == [RAW.name]


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


def assert_refused(params: Params, *parts: str) -> None:
    """Assert that no source will do, that the message holds `parts`, and that nothing counts as downloaded."""
    with pytest.raises(NoSourceError) as caught:
        download(params, "imdb")
    for part in parts:
        assert part in str(caught.value)
    assert not RAW.exists()


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


# Sources that misbehave


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
