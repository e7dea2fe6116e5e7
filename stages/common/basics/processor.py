"""What makes results the same bytes on x86-64 processors with AVX2; docs/processors.md says where that is shown.

Libraries look at the processor and pick code for it. Sums are then added up in another order, last digits differ, and
training carries that into every weight. Here each library is told which code to take: what all these processors can
run. They read these settings when they are loaded, so a stage's process calls `settle` before any of them is.
"""

import os
import platform
from pathlib import Path

ANYWHERE = {
    # TensorFlow's matrix products go through a kernel of oneDNN that takes AVX-512 where there is; without it they go
    # through Eigen's, which was fixed when TensorFlow was built
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its other kernels
    "CUDA_VISIBLE_DEVICES": "-1",  # sparse products on a GPU are not even the same from run to run
    "OPENBLAS_NUM_THREADS": "1",  # for the products of numpy and scipy; more would split sums by the number of cores
    "OMP_NUM_THREADS": "1",  # the same of scikit-learn
}
WITH_AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",  # the kernels for AVX2, also where there is AVX-512
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy's own loops for AVX-512, as of its logarithm
}


def has_avx2() -> bool:
    """Whether this is an x86-64 processor with AVX2. Where the system does not say, it is taken to be one."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return True


SAME_BYTES = has_avx2()  # whether results here can be those of other machines to the byte
_settled = False


def settle() -> None:
    """Make this process one that comes to the same numbers: a stage's, or a command's that shows such numbers.

    For a process of our own only. One that imports the network, as the README shows, keeps its settings.
    """
    global _settled
    os.environ.update(ANYWHERE | (WITH_AVX2 if SAME_BYTES else {}))
    _settled = True


def is_settled() -> bool:
    return _settled
