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
    set_up_plots()
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
    print("These are demo figures. The texts are generated, so the best accuracy that is possible is known.")
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
    """A table of every model's test accuracy beside the published one, and the best possible one if that is known."""
    params = load_params(root / PARAMS_FILE)
    printed, best_possible = published_accuracies(load_published(params, root / PUBLISHED_FILE), params)
    names = ordered_models(params)
    tests = [read_json(root / MODEL_REPORTS / name / "metrics.json")["test"] for name in names]
    besides = [best_possible.get(params.models[name].dataset) for name in names]
    columns = {
        "model": names,
        "test loss": [f"{test['loss']:.4f}" for test in tests],
        "test accuracy": [f"{test['accuracy']:.4f}" for test in tests],
        "published": [printed[name].value if name in printed else "" for name in names],
        "best possible": [best.value if best else "" for best in besides],
    }
    shown = {name: column for name, column in columns.items() if any(column)}
    align = ("left", *["right"] * (len(shown) - 1))
    return tabulate(shown, "keys", tablefmt="simple", disable_numparse=True, colalign=align)
