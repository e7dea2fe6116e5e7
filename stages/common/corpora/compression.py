"""Files through their compression, which their suffix tells."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ZSTANDARD = ".zst"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, through its compression."""
    if path.suffix.lower() == ZSTANDARD:
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))
    return OPENERS.get(path.suffix.lower(), lambda path: open(path, "rb"))(path)
