"""Run a stage, as dvc.yaml does: `python -m stages train imdb`."""

from stages.common.basics.declared import command_line
from stages.common.basics.errors import run

if __name__ == "__main__":
    run(command_line)
