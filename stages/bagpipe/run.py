"""`bagpipe run`: bring every result up to date and show them; without data, the demo instead."""

import os
import subprocess
import sys
from pathlib import Path

from stages.bagpipe.demo import demo
from stages.bagpipe.summary import results
from stages.common.artifacts import REPORTS
from stages.common.errors import UserError
from stages.common.params import load_params
from stages.download import NoSourceError


def use_this_python() -> None:
    """Put this environment first on PATH: dvc.yaml's commands start with `python`."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def data_available() -> bool:
    """Bring the official files in, as far as they are not there; False if no source has them.

    Raises:
        UserError: a download failed for another reason.
    """
    from dvc.exceptions import ReproductionError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            repo.reproduce(["download"])
    except ReproductionError as error:
        if str(error.__cause__).endswith(f"exited with {NoSourceError.exit_code}"):
            return False
        raise UserError(f"{error}; see above") from None
    return True


def run_all() -> None:
    """Run every stage that is not up to date, then print the results."""
    load_params()  # a mistake there is better told before anything starts
    use_this_python()
    if not data_available():
        print(
            "\nNo source of the official data can be reached (see above), so here is the demo instead: the same "
            "pipeline on generated texts. data/, reports/ and dvc.lock stay as they are.\n",
            flush=True,
        )
        demo(None)
        return
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"])
    if done.returncode:
        raise UserError("a stage failed, see above; what was finished is kept, run again to go on")
    print(f"\n{results(Path())}\n")
    print(f"All figures and plots: {REPORTS / 'README.md'}")
    print("Next: change a number in params.yaml, run `make run` again, then `dvc metrics diff`.")
