"""Run a command of `make` when no other one that is started so still runs in this folder: `alone.py make .venv/.run`.

The lock is on this file and is the command's own, so it ends with it, however that ends.
"""

import fcntl
import os
import sys

lock = os.open(__file__, os.O_RDWR)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Waiting for another `make` here, which sets up .venv", flush=True)
    fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
os.execvp(sys.argv[1], sys.argv[1:])
