"""Run a command that must not outlive whoever wants its result (`python supervise.py LOCK COMMAND...`).

The command is stopped when standard input ends. Whoever starts this, in a session of its own, keeps the other end of
that pipe, and the system closes it when they die, however they die. All processes of the command hold LOCK, a file: a
second attempt waits until the last process of the first is gone, so no two ever write the same results.
The exit status is the command's, or 128 and the number of the signal that ended it.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading

OPTIONS = ("BAGPIPE_GRACE_S",)  # variables of the environment; tests wait less
GRACE_S = float(os.environ.get(OPTIONS[0], "10"))  # from asking the command to stop, as by Ctrl-C, to killing it
started: list[subprocess.Popen[bytes]] = []


def stop_when_input_ends() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    try:
        for process in started:  # none if LOCK is still waited for
            os.killpg(0, signal.SIGINT)
            process.wait(GRACE_S)
    finally:
        os.killpg(0, signal.SIGKILL)  # what the command may have left, and this process


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN not inherited by the command
    threading.Thread(target=stop_when_input_ends, daemon=True).start()
    with open(sys.argv[1], "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            started.append(subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, pass_fds=[held.fileno()]))
        except FileNotFoundError as error:  # `SHELL` of the environment names none
            sys.exit(f"{error.filename}: {error.strerror}")
    status = started[0].wait()
    sys.exit(status if status >= 0 else 128 - status)
