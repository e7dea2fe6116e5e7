"""What users set for themselves, of Keras, matplotlib, language or machine, changes no byte of a result."""

import json
import locale
import shutil
import subprocess
import sys
from pathlib import Path

from bagpipe.scratch.copies import environment

STAGES = (
    ("vectorize", "imdb"),
    ("describe", "imdb"),
    ("baseline", "imdb"),
    ("validate", "imdb"),
    ("train", "imdb"),
    ("evaluate", "imdb"),
    ("replicate", "imdb"),
    ("learning_curves", "imdb"),
    ("render", "imdb"),
    ("report",),
)
KERAS = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "jax"}
MATPLOTLIB = """
axes.facecolor: black
axes.formatter.use_locale: True
axes.grid: False
axes.prop_cycle: cycler('color', ['c', 'm'])
figure.constrained_layout.use: True
figure.dpi: 37
figure.figsize: 2, 2
font.family: serif
font.size: 23
image.cmap: hot
legend.frameon: True
lines.linewidth: 7
lines.marker: x
savefig.bbox: standard
savefig.dpi: 51
savefig.facecolor: red
savefig.pad_inches: 2
savefig.transparent: True
text.usetex: True
"""
MACHINE = {
    "PYTHONHASHSEED": "1",
    "TZ": "America/St_Johns",
    "COLUMNS": "20",
    "KERAS_BACKEND": "jax",
    "MPLBACKEND": "tkagg",
    "CUDA_VISIBLE_DEVICES": "0",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "3"),
    # code of libraries for an older processor
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Zen",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ",
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def foreign_language() -> str:
    """A language with a decimal comma, or with letters of its own, if this machine has one."""
    current = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8"):
            try:
                return locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                pass
        return "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_ALL, current)


def test_results_are_the_same_whatever_a_user_sets(scratch: Path, copy: Path, tmp_path: Path) -> None:
    keras, matplotlibrc = tmp_path / "keras", tmp_path / "matplotlibrc"
    keras.mkdir()
    (keras / "keras.json").write_text(json.dumps(KERAS), encoding="utf-8")
    matplotlibrc.write_text(MATPLOTLIB, encoding="utf-8")
    settings = {
        "LC_ALL": foreign_language(),
        **MACHINE,
        "KERAS_HOME": str(keras),
        "MATPLOTLIBRC": str(matplotlibrc),
    }
    for path in ("data/vectorized", "data/models", "reports/models", "reports/datasets"):
        shutil.rmtree(copy / path / "imdb")
    (copy / "data/predictions/imdb.npy").unlink()
    for path in (copy / "reports").glob("*.*"):
        path.unlink()

    for stage in STAGES:
        done = subprocess.run(
            [sys.executable, "-m", "stages", *stage],
            cwd=copy,
            env={**environment(copy), **settings},
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, (stage, done.stdout, done.stderr)
    for folder in ("data", "reports"):
        found, expected = files(copy / folder), files(scratch / folder)
        assert found.keys() == expected.keys()
        assert [name for name, content in found.items() if content != expected[name]] == []
