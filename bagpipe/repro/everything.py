"""`bagpipe run`: every stage that is not up to date, then the results; the demo where there are no data."""

from bagpipe.project.dvc_plots import set_up_plots
from bagpipe.project.results import format_results
from bagpipe.scratch.demo import demo
from stages.common.basics.params.reading import load_params
from stages.common.basics.paths import HERE


def run_all(or_demo: bool = True) -> None:
    """Run every stage that is not up to date, then print the results.

    Args:
        or_demo: where no source of the official data can be reached, run the demo instead.

    Raises:
        StagesFailedError: stages failed.
    """
    from bagpipe.repro.repro import StagesFailedError, repro  # DVC: a second
    from stages.download import NoSourceError

    try:
        repro([], jobs=None, scheduler=None, keep_going=False, dry=False)
    except StagesFailedError as error:
        downloads = (error.statuses.get(f"download@{name}") for name in load_params().official)
        if NoSourceError.exit_code not in downloads:
            raise
        if not or_demo:
            error.exit_code = NoSourceError.exit_code  # a script can tell it from other failures
            raise
        print(
            "\nNo source of the official data can be reached (see above), so here is the demo instead: the same "
            "pipeline on generated texts. data/, reports/ and dvc.lock stay as they are.\n",
            flush=True,
        )
        demo(None)
        return
    set_up_plots()
    print(f"\n{format_results()}\n")
    print(f"What came out: {HERE.reports / 'README.md'}; `bagpipe page` shows it in the browser, with the texts.")
    print("Next: add a model to params.yaml, run `make run` again, then `bagpipe diff`.")
