"""Run the stages that are asked for again, each in a folder that holds only what it declares, and compare the bytes.

This check is made by `bagpipe verify --rerun STAGE`. What nobody sees while a stage runs, as what HDF5 and TensorFlow
open themselves, is seen here: there is nothing else to open. A finding means that the stage reads something that it
does not declare, that its result is not its own, or that this processor comes to other last digits; see
docs/processors.md.
"""

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from configobj import ConfigObj
from dvc.exceptions import DvcException
from dvc.repo import Repo

from bagpipe.project.lock import LOCK_FILE, parse_lock
from bagpipe.review.committed import CommittedPipeline, Finding, split_deps
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.processor import SAME_BYTES
from stages.common.basics.watch import PIPELINE_FILE

TITLE = "a rerun gives " + (
    "the same bytes" if SAME_BYTES else "the same figures (no x86-64 with AVX2: bytes cannot be compared)"
)
SOURCES = ("DATASETS_MIRROR", "KERAS_HOME")  # folders that `download` may look into
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
TOLERANCE = 0.05  # of figures that another architecture computes: seeds differ by as much
STANDARD_ERROR = 2  # where the stages' own lines go: standard output is for the findings


def rerun_stages(pipeline: CommittedPipeline, names: tuple[str, ...]) -> Iterator[Finding]:
    """Run each stage, or each of a group, on the inputs that are here.

    Raises:
        UserError: there is no such stage, or an input is neither here nor in the cache.
    """
    try:
        stages = {stage.addressing: stage for name in names for stage in pipeline.repo.stage.collect(name)}
    except DvcException as error:
        raise UserError(f"--rerun: expected stages of dvc.yaml; {' '.join(str(error).split())}") from None
    for stage in stages.values():
        with TemporaryDirectory(prefix="bagpipe_") as folder:
            yield from rerun(stage, Path(folder))


def rerun(stage: Any, folder: Path) -> Iterator[Finding]:
    """Run a stage, one of DVC's objects, in an empty folder; what it writes must be what dvc.lock has."""
    isolate(stage, folder)
    name = stage.addressing
    if run_dvc(folder, "repro", "--force", "--single-item", "--no-commit", "--no-run-cache", name):
        problem = "fails when it is run again with nothing but what it declares, see above"
        yield Finding(name, problem, f"fix it, `dvc repro {name}`")
        return
    written = parse_lock((folder / stage.path_in_repo).with_name(LOCK_FILE.name).read_bytes())[stage.name].outs
    for out in (out for out in stage.outs if written[str(out)] != out.hash_info.value):
        if SAME_BYTES:
            problem = f"wrote another {out} when it was run again"
        elif out.use_cache or numbers_agree(Path(out.fs_path), folder / str(out)):
            continue
        else:
            problem = f"wrote other figures to {out} when it was run again, further off than {TOLERANCE}"
        yield Finding(name, problem, f"`dvc repro -f -s {name}`, then commit")


def numbers_agree(one: Path, other: Path) -> bool:
    """Whether two JSON or CSV files have the same numbers but for TOLERANCE; others are not compared."""
    if one.suffix not in (".csv", ".json"):
        return True
    pairs = ([float(number) for number in NUMBER.findall(path.read_text(encoding="utf-8"))] for path in (one, other))
    numbers = list(zip_longest(*pairs, fillvalue=math.inf))
    return all(math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in numbers)


def isolate(stage: Any, folder: Path) -> None:
    """Make an empty folder a project without Git that holds what a stage declares, and what DVC needs to run it.

    Raises:
        UserError: a dep is neither in the stage's project nor in the cache.
    """
    root = Path(stage.repo.root_dir)
    deps = [Path(dep.fs_path).relative_to(root) for dep in split_deps(stage)[0]]
    packages = {parent / "__init__.py" for dep in deps for parent in dep.parents if parent != Path()}
    needed = (PIPELINE_FILE, Path(stage.path_in_repo), PARAMS_FILE, Path(".dvc/config"), Path("stages/__main__.py"))
    for path in (*needed, *packages, *deps):
        if (root / path).exists():
            copy_path(root / path, folder / path)
    share_cache(stage.repo, folder, {"core": {"no_scm": "true"}})
    for dep in (dep for dep in deps if not (folder / dep).exists()):
        shutil.copy(root / LOCK_FILE, folder)  # which says what it is, and is no part of what the stage gets
        if run_dvc(folder, "checkout", "--quiet", "--force", str(dep)):
            raise UserError(f"{dep}: not here and not in the cache; `dvc pull {dep}` brings it")
        (folder / LOCK_FILE).unlink()


def share_cache(repo: Repo, folder: Path, settings: dict[str, dict[str, str]]) -> None:
    """Write DVC's local settings of another folder, which is to use the cache of a project."""
    config = ConfigObj({**settings, "cache": {"dir": repo.cache.local_cache_dir}})
    with open(folder / ".dvc" / "config.local", "wb") as file:
        config.write(file)


def copy_path(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def run_dvc(folder: Path, *arguments: str) -> int:
    """Run DVC in a folder; return its exit status."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    users = {name: os.environ.get(name, "") for name in SOURCES}
    absolute = {name: os.path.abspath(value) for name, value in users.items() if value and "://" not in value}
    command = [sys.executable, "-m", "dvc", *arguments]
    environment = {**os.environ, **absolute, "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, stdout=STANDARD_ERROR).returncode
