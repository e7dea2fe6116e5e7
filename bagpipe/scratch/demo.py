"""`bagpipe demo`: the whole pipeline on small generated corpora."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bagpipe.project.results import format_results
from bagpipe.scratch.copies import environment, make_scratch_copy
from stages.common.basics.errors import UserError
from stages.common.basics.paths import Paths


def demo(folder: Path | None) -> None:
    """Run the pipeline on small generated corpora, with no network, in `folder`, by default a new temporary one.

    Raises:
        UserError: `folder` is not empty, or a stage failed.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="bagpipe-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UserError(f"{folder}: expected an empty folder for the demo")
    print(f"Generating small corpora and running the pipeline on them in {folder}", flush=True)
    try:
        make_scratch_copy(folder)
        status = repro_in(folder)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if status:
        raise UserError(f"the demo failed in {folder}; see above")
    paths = Paths(folder)
    print(f"\n{format_results(paths)}\n")
    print("These are demo figures. The texts are generated, so the best accuracy that is possible is known.")
    print(f"Plots and tables: {paths.reports / 'README.md'}; delete the folder when done.")
    print("For the real figures, `make run` needs a network, or DATASETS_MIRROR the place of the official files.")


def repro_in(folder: Path) -> int:
    """Run the pipeline of a copy; return the exit status. When this is stopped, that has ended, too."""
    command = [sys.executable, "-m", "bagpipe.cli.main", "repro"]
    run = subprocess.Popen(command, cwd=folder, env=environment(folder))
    try:
        return run.wait()
    except KeyboardInterrupt:
        run.terminate()
        run.wait()
        raise
