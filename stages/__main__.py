"""Run a stage, as dvc.yaml does: `python -m stages train imdb`."""

import gc

gc.disable()  # what is imported lives until the end; looking through it time and again is a tenth of a short stage

from stages.common.basics.declared import command_line  # noqa: E402
from stages.common.basics.errors import run  # noqa: E402

if __name__ == "__main__":
    run(command_line)
