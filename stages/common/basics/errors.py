"""What a person gets when something goes wrong: one sentence and an exit status, no traceback."""

import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from stages.common.basics.terminal import add_colour, escape_controls, prepare_streams, takes_output

NO_MEMORY = "this machine has too little free memory"


class UserError(Exception):
    """Something a user can fix; its text is one sentence: where, what was expected, what was found."""

    exit_code = 1


def fail(message: str, exit_code: int = 1) -> NoReturn:
    """Print one line on standard error and exit."""
    lines = "\n".join(map(escape_controls, message.split("\n")))  # several where a stage's own output is told
    with suppress(OSError):  # standard error itself is closed or full: nobody can be told
        print(f"{add_colour('error:', 'red', sys.stderr)} {lines}", file=sys.stderr, flush=True)
    takes_output(sys.stderr)
    sys.exit(exit_code)


def run(action: Callable[[], object]) -> None:
    """Run `action`; turn what a user can cause into one line and an exit status other than 0."""
    prepare_streams()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_DFL:  # not where `nohup` has it ignored
            signal.signal(number, signal.default_int_handler)  # as Ctrl-C: what is half done is cleared away
    if any(option.startswith("error") for option in sys.warnoptions):  # our warnings; libraries are full of theirs
        warnings.filterwarnings("default", module=r"(?!(bagpipe|stages)\b)")
    try:
        try:
            action()
        finally:
            sys.stdout.flush()
    except UserError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted; nothing half-written was kept", 130)
    except BrokenPipeError:  # the reader (`| head`) has closed its end: no error of ours
        takes_output(sys.stdout)
        takes_output(sys.stderr)
        sys.exit(141)
    except OSError as error:
        reason = error.strerror or str(error)
        place = error.filename or ("" if takes_output(sys.stdout) else "standard output")
        fail(f"{place}: {reason}" if place else reason)
    except UnicodeEncodeError as error:  # Python's stand-ins for bytes of a path that are not UTF-8
        fail(f"{error.object[:300]}: expected a name in UTF-8; rename it, or set PYTHONUTF8=1 if it is in UTF-8")
    except MemoryError:
        fail(NO_MEMORY)
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's; not every command imports that
            raise
        fail(NO_MEMORY)
