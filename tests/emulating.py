"""Python on another processor: QEMU in user mode, with a CPUID, caches and approximate instructions of its own.

On Debian `apt install qemu-user-static` has it. `.ci/run` installs it, and sets REQUIRE_EMULATOR: then a test that
lacks it fails instead of being skipped.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from bagpipe.scratch.copies import ROOT

EMULATOR = "qemu-x86_64-static"
# a processor of each maker, and all that the emulator can do, with other caches
PROCESSORS = ("Haswell", "EPYC", "max")


def need_emulator() -> None:
    """Skip a test where there is no emulator; fail it in CI."""
    if shutil.which(EMULATOR) is None:
        missing = f"no {EMULATOR}; on Debian: apt install qemu-user-static"
        if os.environ.get("REQUIRE_EMULATOR"):
            pytest.fail(missing)
        pytest.skip(missing)


def start_python(
    arguments: Sequence[str],
    processor: str | None = None,
    folder: Path = ROOT,
    errors: int | IO[str] = subprocess.PIPE,
) -> "subprocess.Popen[str]":
    """Start Python on an emulated processor, or natively.

    Args:
        errors: where they go. The emulator warns so often that a pipe which nobody reads gets full.
    """
    python = str(Path(sys.executable).resolve())  # what an environment's link leads to: an emulator starts a file
    paths = [str(folder), sysconfig.get_path("purelib")]
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",  # says where Python was, should the emulator let a program fail
        # QEMU 7.2 reads what a mask leaves out, too, as in numpy's sort: let there be memory behind the heap's end
        "MALLOC_TOP_PAD_": str(2**26),
    }
    emulator = [EMULATOR, "-cpu", processor] if processor else []
    command = [*emulator, python, *arguments]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)


def finish(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What a process printed on lines of a name and a value."""
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    return dict(line.split(" ", 1) for line in printed.splitlines() if not line.startswith("epoch "))
