"""`bagpipe demo`: the whole pipeline on small generated corpora, in a scratch copy, with no network."""

import shutil
import tempfile
from pathlib import Path

from stages.commands.summary import results
from stages.common.basics.artifacts import REPORTS
from stages.common.basics.errors import UserError
from stages.scratch.copies import bagpipe, make_scratch_copy


def demo(folder: Path | None) -> None:
    """Run the demo in `folder`, by default a new temporary one, and print its results.

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
        done = bagpipe(folder, "repro")
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if done.returncode:
        raise UserError(f"the demo failed in {folder}; see above")
    print(f"\n{results(folder)}\n")
    print('These are demo figures. The texts are generated, so "published" is the best accuracy that is possible.')
    print(f"Plots and tables: {folder / REPORTS / 'README.md'}; delete the folder when done.")
    print(
        "For the real figures run `make run` with a network, or with DATASETS_MIRROR set to a folder or "
        "base URL that holds the official files."
    )
