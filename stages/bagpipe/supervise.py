"""Run a command that must not outlive whoever wants its result (`python supervise.py LOCK COMMAND...`).

The command is stopped when standard input ends. Whoever starts this keeps the other end of that pipe, and the system
closes it when they die, however they die. All processes of the command hold LOCK, a file: a second attempt waits
until the last process of the first is gone, so no two ever write the same results.

Exit status: the command's; 128 and the number of the signal for one that a signal ended.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 10  # from asking the command to stop, as by Ctrl-C, to killing it


def stop_when_input_ends(process: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGINT)
    try:
        process.wait(GRACE_S)
    finally:
        os.killpg(0, signal.SIGKILL)  # what the command may have left, and this process


def main() -> int:
    lock, *command = sys.argv[1:]
    os.setsid()  # a group of its own: Ctrl-C in a terminal goes to whoever waits for the result, who decides
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN not inherited by the command
    with open(lock, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[held.fileno()])
    threading.Thread(target=stop_when_input_ends, args=[process], daemon=True).start()
    status = process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
