"""What a person gets when something goes wrong: one sentence and an exit status, no traceback."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


class UserError(Exception):
    """Something a user can mend; its text is one sentence: where, what was expected, what was found."""

    exit_code = 1


def fail(message: str, exit_code: int = 1) -> NoReturn:
    """Print one line on standard error and exit."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(exit_code)


def run(action: Callable[[], None]) -> None:
    """Run `action`; turn what a user can cause into one line and an exit status other than 0."""
    try:
        action()
    except UserError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted; nothing half-written was kept", 130)
    except BrokenPipeError:  # the reader (`| head`) has closed its end: no error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        reason = error.strerror or str(error)
        fail(f"{error.filename}: {reason}" if error.filename else reason)
    except MemoryError:
        fail("this machine has too little free memory")
