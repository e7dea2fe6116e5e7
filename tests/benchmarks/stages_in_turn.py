"""Stages one after another, each in a process of its own, forked from one that has TensorFlow: `STAGE@ITEM ...`.

Under an emulator TensorFlow takes half a minute to import. What a stage computes is the same as where DVC starts it.
"""

import os
import sys
import time

from stages.common.basics.processor import settle

settle()

import stages.common.network.backend  # noqa: E402, F401 # TensorFlow, once for all stages
from stages.common.basics.declared import command_line  # noqa: E402
from stages.common.basics.errors import run  # noqa: E402


def run_stage(name: str) -> int:
    """Run a stage in a child process; return its exit status."""
    child = os.fork()
    if child == 0:
        sys.argv = ["stages", name]
        status = 1
        try:
            run(command_line)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    for name in sys.argv[1:]:
        started = time.monotonic()
        if status := run_stage(name):
            sys.exit(f"error: {name}: exit status {status}")
        print(f"::{name} {time.monotonic() - started:.1f}", flush=True)


if __name__ == "__main__":
    main()
