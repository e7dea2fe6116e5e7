"""How every stage starts: one name of params.yaml as its argument."""

import argparse
from collections.abc import Callable
from typing import Literal

from stages.common.errors import UserError, run
from stages.common.params import Params, load_params


def run_stage(doc: str | None, work: Callable[[Params, str], None], over: Literal["datasets", "models"]) -> None:
    """Be the `main` of a stage: read its one argument, load params.yaml and call `work`.

    Args:
        doc: the module's docstring, shown by `--help`.
        work: gets the validated params and the name of a dataset or a model.
        over: the section of params.yaml that holds the name.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{work.__name__}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar=over.removesuffix("s"), help=f"a key of `{over}` in params.yaml")
    name = parser.parse_args().name

    def action() -> None:
        params = load_params()
        known = getattr(params, over)
        if name not in known:
            raise UserError(f"params.yaml: {over}: expected one of {', '.join(known)}; found {name!r}")
        work(params, name)

    run(action)
