r"""Read a pickled array of integer lists a block at a time, and run nothing that it says.

The official .npz files hold their texts as a numpy object array of Python lists, that is, as a pickle.
Unpickling a stranger's file can run any code, and it builds every list of the corpus before it returns the
first. This reader does neither. It knows the few opcodes that pickle such lists (protocols 2 to 5, see
`pickletools` of the standard library) and accepts no other:

    head   what rebuilds the array: skipped, not run; it may name nothing but numpy's own constructors
    ]      a new list, with its place in the memo: q (1 byte), r (4 bytes) or \x94, which nothing refers to
    ( e    append a batch to the list; `a` appends one element
    K M J  an integer of 1, 2 or 4 bytes, little-endian
    \x95   a frame's length: says nothing about the content, may stand anywhere

A regular expression finds where each list ends; blocks of whole lists, which by then are known to be made
of integers alone, go to the C unpickler as a small pickle of their own. Frames and places in the memo, by which a
stranger could have it reserve memory, are left out. So memory is that of a block, or of a list, which has a limit.
"""

import io
import pickle
import pickletools
import re
from collections.abc import Iterator
from typing import IO

BLOCK_BYTES = 1 << 18  # read at a time: some 400 reviews of IMDB
LONGEST = 1 << 22  # bytes of a list: a million words or two

_HEAD_WORDS = {  # how numpy's pickles name an array's constructors
    *("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "_reconstruct", "ndarray", "dtype"),
    *("_codecs", "encode", "latin1", "b", "O8", "|"),
}
_INTEGER = rb"K.|M..|J.{4}"
_FRAME = rb"\x95.{8}"
_MEMO = rb"q.|r.{4}|\x94"
_MEMO_BYTES = {ord("q"): 2, ord("r"): 5, 0x94: 1}
# The quantifiers *+ give nothing back once matched: others would remember every step, a hundred bytes each
_LIST = re.compile(  # its groups catch frames alone: `lastindex` tells whether there is one
    rb"\](?:%(memo)s)(?:\((?:%(integer)s|(%(frame)s))*+e|(?:%(integer)s)(%(frame)s)?a|(%(frame)s))*+"
    % {b"frame": _FRAME, b"memo": _MEMO, b"integer": _INTEGER},
    re.DOTALL,
)
_TOKEN = re.compile(rb"%s|%s|[(ae]" % (_FRAME, _INTEGER), re.DOTALL)
_BETWEEN = re.compile(rb"(?:%s|[(e])*+" % _FRAME, re.DOTALL)  # the outer list's own batches
_END = re.compile(rb"(?:%s|[(ea])*+t(?:%s|%s)*+b\.\Z" % (_FRAME, _FRAME, _MEMO), re.DOTALL)


class NotIntegerListsError(ValueError):
    """The stream is no pickled array of lists of integers."""


class _DataOnly(pickle.Unpickler):
    """An unpickler that looks up no name, so that it can call nothing."""

    def find_class(self, module: str, name: str) -> None:
        raise NotIntegerListsError(f"names {module}.{name}")


def read_blocks(stream: IO[bytes]) -> Iterator[list[list[int]]]:
    """Yield the lists of a pickled object array in order, some hundreds at a time.

    Args:
        stream: positioned at the start of the pickle, and ending with it.

    Raises:
        NotIntegerListsError: the pickle holds anything but lists of integers, or ends early.
    """
    buffer = stream.read(BLOCK_BYTES)
    buffer = buffer[_end_of_head(buffer) :]
    while True:
        chunk = stream.read(BLOCK_BYTES)
        lists, rest = _take_lists(buffer, last=not chunk)
        if lists:
            yield lists
        if not chunk:
            if not _END.match(rest):
                raise NotIntegerListsError(f"ends in {rest[:20]!r}")
            return
        buffer = rest + chunk


def _end_of_head(buffer: bytes) -> int:
    """Where the outer list's elements begin: behind the first `]` and its place in the memo."""
    try:
        for opcode, argument, position in pickletools.genops(io.BytesIO(buffer)):
            if isinstance(argument, str) and not _HEAD_WORDS.issuperset(argument.split(" ")):
                raise NotIntegerListsError(f"the pickle names {argument!r}")
            if opcode.name == "EMPTY_LIST":
                memo = re.compile(_MEMO, re.DOTALL).match(buffer, int(position or 0) + 1)
                if memo:
                    return memo.end()
    except ValueError as error:
        raise NotIntegerListsError(str(error)) from None
    raise NotIntegerListsError("holds no list")


def _items(found: re.Match[bytes]) -> bytes:
    """The opcodes of one list but for its place in the memo and frames: their lengths are of the whole stream."""
    items = found.group()
    items = items[1 + _MEMO_BYTES[items[1]] :]
    if found.lastindex is None:
        return items
    return b"".join(token for token in _TOKEN.findall(items) if token[:1] != b"\x95")


def _may_go_on(buffer: bytes, end: int) -> bool:
    """Whether a list matched up to `end` is only the part of it that has been read."""
    return end + 16 > len(buffer) or buffer[end : end + 1] in (b"(", b"K", b"M", b"J")


def _take_lists(buffer: bytes, last: bool) -> tuple[list[list[int]], bytes]:
    """Unpickle the whole lists at the start of `buffer`; return them and the bytes behind them.

    Unless `last`, a list that reaches the buffer's end may go on in the next: it is left for then.
    """
    pieces = []
    position = 0
    while True:
        start = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr] # matches nothing at all, too
        found = _LIST.match(buffer, start)
        if not found or (not last and _may_go_on(buffer, found.end())):
            break
        pieces.append(b"]" + _items(found))
        position = found.end()
    if not pieces and not last and len(buffer) > LONGEST + BLOCK_BYTES:
        raise NotIntegerListsError(f"goes on with {buffer[position : position + 20]!r}")
    try:
        small_pickle = io.BytesIO(b"\x80\x04](" + b"".join(pieces) + b"e.")
        # buffered: lets the unpickler look ahead, twice as fast as asking for each opcode
        lists = _DataOnly(io.BufferedReader(small_pickle, BLOCK_BYTES)).load()
    except pickle.UnpicklingError as error:
        raise NotIntegerListsError(str(error)) from None
    return lists, buffer[position:]
