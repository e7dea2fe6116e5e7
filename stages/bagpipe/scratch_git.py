"""`bagpipe verify --rerun`: run stages again in a scratch copy of the checkout, and compare what they write."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from stages.bagpipe.verify import Finding, Pipeline, split_deps
from stages.common.errors import UserError

STANDARD_ERROR = 2  # where the stages' own lines go: standard output is for the findings


def rerun_stages(pipeline: Pipeline, names: tuple[str, ...]) -> Iterator[Finding]:
    """Run each stage, or each of a group, from scratch on the inputs that are here.

    Raises:
        UserError: there is no such stage, or an input is neither here nor in the cache.
    """
    stages = {stage.name: stage for name in names for stage in collect(pipeline, name)}
    with TemporaryDirectory(prefix="bagpipe_") as folder:
        copy_checkout(pipeline, Path(folder))
        for stage in stages.values():
            for dep in split_deps(stage)[0]:
                bring(str(dep), Path(folder))
            yield from rerun(stage, Path(folder))


def collect(pipeline: Pipeline, name: str) -> list[Any]:
    from dvc.exceptions import DvcException

    try:
        return list(pipeline.repo.stage.collect(name))
    except DvcException as error:
        raise UserError(f"--rerun {name}: expected a stage of dvc.yaml; {' '.join(str(error).split())}") from None


def copy_checkout(pipeline: Pipeline, folder: Path) -> None:
    """Copy what Git has, as a DVC repository without Git that takes its data from this one's cache."""
    for path in pipeline.committed:
        if Path(path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path)
    config = f"[core]\n    no_scm = true\n[cache]\n    dir = {pipeline.repo.cache.local_cache_dir}\n"
    (folder / ".dvc" / "config.local").write_text(config, encoding="utf-8")


def bring(path: str, folder: Path) -> None:
    """Put an input into the copy: as it lies here, or from the cache."""
    target = folder / path
    if Path(path).is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(path, target)
    elif Path(path).exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    elif dvc(folder, "checkout", "--quiet", "--force", path):
        raise UserError(f"{path}: not here and not in the cache; `dvc pull {path}` brings it")


def dvc(folder: Path, *arguments: str) -> int:
    """Run DVC in the copy; return its exit status."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    mirror = os.environ.get("DATASETS_MIRROR")
    if mirror and "://" not in mirror:
        environment["DATASETS_MIRROR"] = str(Path(mirror).resolve())
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, stdout=STANDARD_ERROR).returncode


def rerun(stage: Any, folder: Path) -> Iterator[Finding]:
    """Run a stage in the copy; what it writes must be what dvc.lock has."""
    if dvc(folder, "repro", "--force", "--single-item", "--no-commit", "--no-run-cache", stage.addressing):
        yield Finding(stage.name, "fails when it is run again, see above", f"mend it, `dvc repro {stage.addressing}`")
        return
    lock = YAML(typ="safe", pure=True).load(folder / "dvc.lock")
    written = {out["path"]: out["md5"] for out in lock["stages"][stage.name]["outs"]}
    for out in stage.outs:
        if written[str(out)] != out.hash_info.value:
            problem = f"wrote another {out} when it was run again; on another kind of CPU last digits may differ"
            yield Finding(stage.name, problem, f"`dvc repro -f -s {stage.addressing}`, then commit")
