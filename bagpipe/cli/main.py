"""The command line of `bagpipe`: importing a module of commands adds them to `main`."""

from bagpipe.cli import datasets, pipeline, review, serving, texts
from bagpipe.cli.group import main

__all__ = ["datasets", "main", "pipeline", "review", "serving", "texts"]

if __name__ == "__main__":
    main()
