"""The same bytes whatever code the settings of libraries choose, and whatever decides how long sums are split.

The maker of a processor changes bytes all the same: docs/processors.md.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import Paths
from stages.common.basics.processor import ANYWHERE, SAME_BYTES, WITH_AVX2
from stages.common.basics.rows import Rows
from stages.common.network.backend import tf
from stages.common.network.feeding import Feed
from stages.common.network.training import Runs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SAME_BYTES, reason="no x86-64 processor with AVX2")]

# Settings of libraries that a caller may have, in two sets, as some exclude each other.
THREADS = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2", "MKL_NUM_THREADS": "2"}
OLDER = {
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Zen",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ",
} | THREADS
NEWER = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "SkylakeX"}
SETTINGS = {"older code and two threads": OLDER, "newer code": NEWER}


def start(folder: Path, stage: str, name: str, mirror: Path | None = None, **variables: str) -> None:
    command = [sys.executable, "-m", "stages", stage, *([name] if name else [])]
    env = environment(folder) | variables | ({"DATASETS_MIRROR": str(mirror)} if mirror else {})
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def files(folder: Path) -> dict[str, bytes]:
    found = [path for part in ("data", "reports") for path in (folder / part).rglob("*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


@pytest.mark.parametrize("variables", SETTINGS.values(), ids=SETTINGS)
def test_models_are_the_same(copy: Path, variables: dict[str, str]) -> None:
    before = files(copy)
    for name in ("imdb", "reuters"):
        start(copy, "train", name, **variables)
    assert files(copy) == before


@pytest.mark.parametrize("name", ["imdb", "imdb_64_units", "reuters_holdout", "reuters_128_units"])
def test_official_models_are_the_same(official: Path, vectorized: Path, name: str) -> None:
    start(vectorized, "train", name, official)
    plain = (Paths(vectorized).model(name) / "model.weights.h5").read_bytes()
    for variables in SETTINGS.values():
        start(vectorized, "train", name, official, **variables)
        assert (Paths(vectorized).model(name) / "model.weights.h5").read_bytes() == plain


@pytest.fixture(scope="module")
def vectorized(official: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the official data, vectorized."""
    folder = tmp_path_factory.mktemp("official")
    for name in ("dvc.yaml", "params.yaml", "published.yaml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    for stage in ("download", "vectorize"):
        for name in ("imdb", "reuters"):
            start(folder, stage, name, official)
    return folder


def test_the_settings_are_in_force_where_a_stage_computes(copy: Path) -> None:
    """Whatever the caller's environment says: what a library has taken from them is seen in the library."""
    code = (
        "from stages.common.basics.processor import settle; settle(); import numpy\n"
        "from numpy._core._multiarray_umath import __cpu_features__ as features\n"
        "from threadpoolctl import threadpool_info\n"
        "print(features['X86_V4'], {(blas['architecture'], blas['num_threads']) for blas in threadpool_info()})"
    )
    env = environment(copy) | dict.fromkeys(ANYWHERE | WITH_AVX2, "")
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "False {('Haswell', 1)}", done.stderr


def test_a_terminal_changes_nothing_but_the_output(copy: Path) -> None:
    before = files(copy)
    command = [sys.executable, "-m", "stages", "train", "imdb"]
    code = f"import pty, sys; sys.exit(pty.spawn({command!r}) != 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env=environment(copy), capture_output=True)
    assert done.returncode == 0, done.stdout
    assert b"Epoch 4/4" in done.stdout  # Keras' bar instead of our lines
    assert files(copy) == before


# Eigen splits long sums at a length that depends on the L1 cache, which no setting can emulate.


def summed(graph: tf.Graph) -> list[int | None]:
    """How many numbers each product of dense matrices adds up; None where that is not known beforehand."""
    found = []
    for op in graph.get_operations():
        if op.type in ("MatMul", "BatchMatMulV2"):
            transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
            found.append(op.inputs[0].shape[-2 if transposed else -1])
    return found


@pytest.mark.parametrize("name", ["imdb", "imdb_64_units", "reuters_bottleneck", "reuters_128_units"])
def test_no_product_of_a_training_step_sums_over_more_than_256(name: str) -> None:
    params = load_params(ROOT / PARAMS_FILE)
    settings = settings_of(params, name)
    random = np.random.default_rng(1)
    rows, classes = 2 * settings.batch_size + 1, len(params.datasets[settings.dataset].labels)
    indptr, indices = np.arange(rows + 1), random.integers(4, 100, rows).astype(np.int32)
    corpus = Rows(indptr, indices, random.integers(0, classes, rows), np.array([rows, 100]))
    model, _ = Runs(settings, corpus, classes, 1).run(1)
    batches = Feed(corpus, settings.loss, classes).training_batches(settings.batch_size, 1, 1)[0]

    @tf.function(input_signature=batches.element_spec)
    def step(inputs: tf.SparseTensor, targets: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, targets, model(inputs, training=True))
        return tape.gradient(loss, model.trainable_variables)

    lengths = summed(step.get_concrete_function().graph)
    assert len(lengths) >= 3 * len(settings.hidden)  # forwards, and back to the kernel and to the inputs
    assert None not in lengths
    assert max(lengths) <= 256
