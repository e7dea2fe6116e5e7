"""Sources of official files: folders, and a server of this machine that can be told to misbehave."""

import gzip
import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import OfficialFile
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


def settings(official: str, retries: int = 0) -> Params:
    """params.yaml with small files, and `official` as the official address."""
    params = load_params(ROOT / PARAMS_FILE)
    files = {
        name: OfficialFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
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


def assert_refused(params: Params, *parts: str) -> None:
    """Assert that no source will do, that the message holds `parts`, and that nothing counts as downloaded."""
    with pytest.raises(NoSourceError) as caught:
        download(params, "imdb")
    for part in parts:
        assert part in str(caught.value)
    assert not RAW.exists()
