"""`bagpipe run`: bring every result up to date and show them; without data, the demo instead."""

from pathlib import Path

from stages.commands.demo import demo
from stages.commands.summary import results
from stages.common.basics.artifacts import REPORTS
from stages.common.basics.params import load_params
from stages.download import NoSourceError
from stages.running.repro import StagesFailedError, repro


def run_all() -> None:
    """Run every stage that is not up to date, then print the results."""
    params = load_params()  # a mistake there is better told before anything starts
    try:
        repro([], jobs=None, scheduler=None, keep_going=False, dry=False)
    except StagesFailedError as error:
        if NoSourceError.exit_code not in (error.statuses.get(f"download@{name}") for name in params.datasets):
            raise
        print(
            "\nNo source of the official data can be reached (see above), so here is the demo instead: the same "
            "pipeline on generated texts. data/, reports/ and dvc.lock stay as they are.\n",
            flush=True,
        )
        demo(None)
        return
    print(f"\n{results(Path())}\n")
    print(f"All figures and plots: {REPORTS / 'README.md'}")
    print("Next: change a number in params.yaml, run `make run` again, then `dvc metrics diff`.")
