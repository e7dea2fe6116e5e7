"""Fetch a dataset's official files and verify them.

Reads   the first source that has them: the folder or base URL in DATASETS_MIRROR; the local Keras cache,
        $KERAS_HOME/datasets (by default ~/.keras/datasets); the official address of params.yaml
Params  download, official.D
Writes  data/raw/D/, the files byte for byte

Whatever the source, a file counts once its size and sha256 are those of params.yaml. Exit status 3 means that
no source had a file.
"""

import errno
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pooch
import requests

from stages.common.basics.artifacts import RAW, check_file
from stages.common.basics.errors import UserError
from stages.common.basics.params import Download, File, Params

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoSourceError(UserError):
    """No source has a file; the text lists each and why."""

    exit_code = 3


def sources(official: str) -> list[str]:
    """The folders and base URLs to try, in this order."""
    keras_home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    mirror = os.environ.get("DATASETS_MIRROR")
    return [*([mirror] if mirror else []), str(Path(keras_home) / "datasets"), official]


def downloader(source: str, timeout: float) -> Callable[[str, str, object], None]:
    """What pooch calls to bring one file of `source` to a temporary place."""
    if "://" in source:
        return pooch.HTTPDownloader(timeout=timeout, progressbar=sys.stderr.isatty())

    def copy(url: str, output_file: str, _: object) -> None:
        shutil.copyfile(url, output_file)

    return copy


def fetch(source: str, name: str, expected: File, folder: Path, settings: Download) -> None:
    """Bring one file from one source into `folder`, retrying with growing pauses where that may help.

    Raises:
        UserError, requests.RequestException, OSError: the source lacks the file, or has another.
    """
    download_file = downloader(source, settings.timeout)

    def download_and_verify(url: str, output_file: str, pooch_: object) -> None:
        try:
            download_file(url, output_file, pooch_)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else None
            if status and status < 500:  # "not here", "not allowed": asking again would not help
                raise UserError(f"HTTP status {status}") from None
            raise
        try:
            check_file(Path(output_file), expected.bytes, expected.sha256)
        except UserError as error:
            found = str(error).removeprefix(f"{output_file}: ")
            raise UserError(found + _hint(Path(output_file))) from None

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


def fetch_from_first(names: list[str], name: str, expected: File, folder: Path, settings: Download) -> str:
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
            failures.append(f"  {source}: {reason(error)}")
        except OSError as error:
            if error.errno in NO_ROOM:  # our own disk, not the source
                raise OSError(error.errno, error.strerror, str(folder / name)) from None
            if error.filename and str(error.filename).startswith(str(folder)):
                raise
            failures.append(f"  {source}: {reason(error)}")
    raise NoSourceError(
        f"{name}: no source has it:\n" + "\n".join(failures) + "\n"
        "Set DATASETS_MIRROR to a folder or base URL that holds the official files, "
        "or run `make demo`, which needs none."
    )


def download(params: Params, name: str) -> None:
    pooch.get_logger().setLevel(logging.ERROR)  # its notes on missing and new files; ours say more
    folder = RAW / name
    partial = folder.with_name(f".{name}.partial")  # kept on failure: the next run goes on from it
    for file, expected in params.official[name].items():
        source = fetch_from_first(sources(params.download.url), file, expected, partial.resolve(), params.download)
        print(f"{name}: {file}, {expected.bytes:,} bytes, from {source}")
    for left_over in set(os.listdir(partial)) - set(params.official[name]):
        (partial / left_over).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
