"""Fetch a dataset's official files and verify them.

Reads   the first source that has them: DATASETS_MIRROR, a folder or a base URL, http:// or https://; the local Keras
        cache, $KERAS_HOME/datasets (by default ~/.keras/datasets); the official address of params.yaml
Params  download, official.D
Writes  data/raw/D/, the files byte for byte

Whatever the source, a file counts once its size and sha256 are those of params.yaml; no more bytes than that are
taken, and no more time than the lowest speed there allows. Exit status 3 means that no source had a file.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages download@DATASET")


import errno
import logging
import os
import re
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pooch
import requests
from tqdm import tqdm

from stages.common.basics.artifacts import check_file
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.sections import Download, OfficialFile
from stages.common.basics.paths import HERE
from stages.common.basics.terminal import escape_controls

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CHUNK = 1 << 16  # bytes
LONGEST_WAIT = 1e9  # seconds; timers take little more


class NoSourceError(UserError):
    """No source has a file; the text lists each and why."""

    exit_code = 3


class TooSlowError(Exception):
    """A file's time is up. No OSError: libraries would take it for one of their own."""


def sources(official: str) -> list[str]:
    """The folders and base URLs to try, in this order."""
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    mirror = os.environ.get("DATASETS_MIRROR")
    local = [*([mirror] if mirror else []), os.path.join(keras_home, "datasets")]
    return [*map(os.path.expanduser, local), official]


def without_password(text: str) -> str:
    """A text without what stands before the @ of addresses in it: a user's name and password."""
    return re.sub(r"(?<=://)\S*@|[^\s/:]+:[^\s/]+@", "", text)


def leave_redirect(answer: requests.Response, **_: object) -> None:
    """Take nothing of an answer but where to ask next; requests would read it to its end into memory."""
    if answer.is_redirect:
        answer.close()


def content_of(url: str, timeout: float) -> Iterator[bytes]:
    """Yield what is at a URL, or in a local file, in pieces.

    Args:
        timeout: seconds without an answer.

    Raises:
        UserError: it cannot be had, and asking again would not help.
        requests.RequestException, OSError: it cannot be had now.
    """
    scheme, is_url, _ = url.partition("://")
    if not is_url:
        with open(url, "rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
        return
    if scheme.lower() not in ("http", "https"):
        raise UserError(f"expected a folder, or an address at http:// or https://; found {scheme}://")
    identity = {"Accept-Encoding": "identity"}  # what comes compressed nevertheless is unpacked a piece at a time
    options: dict[str, Any] = {"headers": identity, "timeout": timeout, "hooks": {"response": leave_redirect}}
    try:
        with requests.get(url, stream=True, **options) as answer:
            if 400 <= answer.status_code < 500:  # "not here", "not allowed"
                raise UserError(f"HTTP status {answer.status_code}")
            answer.raise_for_status()
            yield from answer.iter_content(CHUNK)
    except requests.TooManyRedirects:
        raise UserError("redirects without end") from None
    except ValueError:  # its text may hold the address, with a password
        raise UserError("expected an address, or a redirect to one, that can be asked") from None


def write_at_most(size: int, content: Iterable[bytes], path: Path) -> None:
    """Write a file.

    Raises:
        UserError: there are more than `size` bytes; the rest is not taken.
    """
    with open(path, "wb") as file, tqdm(total=size, unit="B", unit_scale=True, disable=None, leave=False) as progress:
        for piece in content:
            file.write(piece[: size + 1 - file.tell()])
            if file.tell() > size:
                raise UserError(f"expected {size:,} bytes, found more")
            progress.update(len(piece))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """After so many seconds raise a TooSlowError in the main thread, whatever it waits for."""

    def fail(*_: object) -> NoReturn:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, LONGEST_WAIT))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fetch(source: str, name: str, expected: OfficialFile, folder: Path, settings: Download) -> None:
    """Bring one file from one source into `folder`, retrying with growing pauses where that may help.

    Raises:
        UserError, requests.RequestException, OSError: the source lacks the file, or has another.
    """

    def download_and_verify(url: str, output_file: str, _: object) -> None:
        path = Path(output_file)
        try:
            with at_most(settings.timeout + expected.bytes / settings.lowest_speed):
                write_at_most(expected.bytes, content_of(url, settings.timeout), path)
            check_file(path, expected.bytes, expected.sha256)
        except TooSlowError:
            raise UserError(f"slower than {settings.lowest_speed:,.0f} bytes a second") from None
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{path}: ") + _hint(path)) from None

    pooch.create(
        path=folder,
        base_url=source.rstrip("/") + "/",
        registry={name: f"sha256:{expected.sha256}"},
        retry_if_failed=settings.retries if "://" in source else 0,
    ).fetch(name, downloader=download_and_verify)


def _hint(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    return " (an HTML page)" if start.startswith((b"<!doctype html", b"<html")) else ""


def reason(error: Exception) -> str:
    """Why a source failed, in a few words."""
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):  # the latter within the content
        return "no answer in time"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def fetch_from_first(names: list[str], name: str, expected: OfficialFile, folder: Path, settings: Download) -> str:
    """Bring one file from the first of the sources `names` that has it; return that source.

    Raises:
        NoSourceError: none has it.
    """
    failures = []
    for source in names:
        try:
            fetch(source, name, expected, folder, settings)
            return source
        except (UserError, requests.RequestException) as error:
            failures.append(f"{source}: {reason(error)}")
        except OSError as error:
            if error.errno in NO_ROOM:  # our own disk, not the source
                raise OSError(error.errno, error.strerror, str(folder / name)) from None
            if error.filename and str(error.filename).startswith(str(folder)):
                raise
            failures.append(f"{source}: {reason(error)}")
    raise NoSourceError(
        f"{name}: no source has it:\n"
        + "".join(f"  {escape_controls(without_password(line))}\n" for line in failures)
        + "Set DATASETS_MIRROR to a folder or base URL that holds the official files, "
        "or run `make demo`, which needs none."
    )


def download(params: Params, name: str) -> None:
    pooch.get_logger().setLevel(logging.ERROR)  # its notes on missing and new files; ours say more
    folder = HERE.raw(name)
    partial = folder.with_name(f".{name}.partial")  # kept on failure: the next run goes on from it
    for file, expected in params.official[name].items():
        source = fetch_from_first(sources(params.download.url), file, expected, partial.resolve(), params.download)
        print(f"{name}: {file}, {expected.bytes:,} bytes, from {without_password(source)}")
    for left_over in set(os.listdir(partial)) - set(params.official[name]):
        (partial / left_over).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
