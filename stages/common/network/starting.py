"""How TensorFlow starts in a process of our own: soon, and with the same numbers whatever the user's settings.

Not in a process that only uses a model (`load` of saved.py): there all this is as whoever started it has it.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Keras and TensorFlow import these where they are installed, for what no stage uses
OPTIONAL = ("PIL", "matplotlib", "scipy", "sklearn")
# mallopt(3): from how much free memory on the C library returns it to the system, and from which size on it asks for
# single blocks there, 32 MiB at most on 64 bits
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = {M_TRIM_THRESHOLD: 2**30, M_MMAP_THRESHOLD: 2**25}


def keep_memory() -> bool:
    """Have the C library keep the memory that a step frees for the next one; return whether it will.

    Each step allocates and frees some megabytes. They would be given back to the system each time and got anew,
    zeroed page by page: a tenth of a run, and more where several runs do so at once.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl and macOS do not
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in KEPT.items())


@contextmanager
def hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Make `import` fail as if these were not installed."""
    seen = {package: sys.modules.get(package) for package in packages}
    sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type] # None: not found
    try:
        yield
    finally:
        for package, module in seen.items():
            if module is None:
                del sys.modules[package]
            else:
                sys.modules[package] = module


def start_tensorflow() -> None:
    """Import TensorFlow and Keras, and set what can be set but once, before they compute.

    Raises:
        RuntimeError: TensorFlow has computed in this process.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_HOME"] = os.devnull  # where no keras.json of a user's can change types and constants
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes on instruction sets and devices
    keep_memory()
    # Most stages last a few seconds, of which the import takes one and a half. It would be two.
    gc.disable()  # half a million objects that live until the end: not to be looked through time and again
    with hidden(OPTIONAL):
        import keras  # noqa: F401
        import tensorflow as tf
    gc.freeze()
    gc.enable()
    # Steps of one millisecond do not gain from splitting an operation over cores: one thread computes while another
    # prepares the next batch. Fixed counts also mean that results do not depend on the number of cores.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.experimental.enable_op_determinism()
