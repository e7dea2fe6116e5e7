"""`bagpipe run`, `bagpipe demo` and `bagpipe results`: the whole pipeline, and in short what came of it."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from stages.common.basics.artifacts import MODEL_REPORTS, REPORTS, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params import PARAMS_FILE, load_params, ordered_models
from stages.judging.published import PUBLISHED_FILE, load_published, published_accuracies
from stages.page.dvc_plots import set_up_plots
from stages.scratch.copies import environment, make_scratch_copy


def run_all() -> None:
    """Run every stage that is not up to date, then print the results.

    Without data run the demo instead, and exit with the status of a download that has no source.
    """
    from stages.download import NoSourceError
    from stages.running.repro import StagesFailedError, repro  # DVC: a second

    set_up_plots()
    try:
        repro([], jobs=None, scheduler=None, keep_going=False, dry=False)
    except StagesFailedError as error:
        if NoSourceError.exit_code not in (error.statuses.get(f"download@{name}") for name in load_params().datasets):
            raise
        print(
            "\nNo source of the official data can be reached (see above), so here is the demo instead: the same "
            "pipeline on generated texts. data/, reports/ and dvc.lock stay as they are.\n",
            flush=True,
        )
        demo(None)
        sys.exit(NoSourceError.exit_code)  # a script can tell it from success
    print(f"\n{results(Path())}\n")
    print(f"What came out: {REPORTS / 'README.md'}; `bagpipe page` shows it in the browser, with the texts.")
    print("Next: add a model to params.yaml, run `make run` again, then `bagpipe diff`.")


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
    print(f"\n{results(folder)}\n")
    print('These are demo figures. The texts are generated, so "published" is the best accuracy that is possible.')
    print(f"Plots and tables: {folder / REPORTS / 'README.md'}; delete the folder when done.")
    print("For the real figures, `make run` needs a network, or DATASETS_MIRROR the place of the official files.")


def repro_in(folder: Path) -> int:
    """Run the pipeline of a copy; return the exit status. When this is stopped, that has ended, too."""
    command = [sys.executable, "-m", "stages.commands.main", "repro"]
    run = subprocess.Popen(command, cwd=folder, env=environment(folder))
    try:
        return run.wait()
    except KeyboardInterrupt:
        run.terminate()
        run.wait()
        raise


def results(root: Path) -> str:
    """A table of every model's test accuracy beside the published one."""
    params = load_params(root / PARAMS_FILE)
    printed, best_possible = published_accuracies(load_published(params, root / PUBLISHED_FILE), params)
    lines = []
    for name in ordered_models(params):
        test = read_json(root / MODEL_REPORTS / name / "metrics.json")["test"]
        beside = printed.get(name) or best_possible.get(params.models[name].dataset)
        lines.append([name, f"{test['loss']:.4f}", f"{test['accuracy']:.4f}", beside.value if beside else ""])
    header = ["model", "test loss", "test accuracy", "published"]
    align = ("left", "right", "right", "right")
    return tabulate(lines, header, tablefmt="simple", disable_numparse=True, colalign=align)
