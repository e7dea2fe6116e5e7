"""Run a study, as studies/dvc.yaml does: `python -m studies null_study`.

It gets what it declares and nothing else, and the same code of the libraries, as a stage does: see
stages/common/basics/declared.py and processor.py. Its module is imported first, and then all that this has brought is
held against the declaration: while Python looks for it, it lists the folder, which is no dep as dvc.lock lies there.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from stages.common.basics.declared import Declaration, View, run_checked
from stages.common.basics.errors import UserError, run
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import load_params, read_yaml
from stages.common.basics.processor import settle
from stages.common.basics.watch import PIPELINE_FILE, STAGES, Watch, is_docstring

STUDIES = Path(__file__).parent.name
STUDIES_FILE = Path(STUDIES) / PIPELINE_FILE


def read_declaration(study: str) -> Declaration:
    """Look up a study.

    Raises:
        UserError: studies/dvc.yaml has no such one.
    """
    studies = read_yaml(STUDIES_FILE)["stages"]
    if study not in studies:
        raise UserError(f"{STUDIES_FILE}: expected a study, one of {', '.join(studies)}; found {study!r}")
    entry = studies[study]
    outs = tuple(next(iter(out)) for out in entry["outs"])
    return Declaration(f"{STUDIES_FILE}:{study}", tuple(entry["params"]), tuple(entry["deps"]), outs, {})


def watch_files(declared: Declaration) -> Watch:
    """See each file that is read or written from now on, and the modules that are loaded.

    Raises:
        UserError: one of these is not declared.
    """
    watch = Watch(declared, Path.cwd())
    for loaded in list(sys.modules.values()):
        file = Path(getattr(loaded, "__file__", None) or "/")
        if file.is_relative_to(Path.cwd()):
            path = file.relative_to(Path.cwd())
            if path.parts[0] in (STUDIES, STAGES.name) and not is_docstring(path):
                watch.read(path)
    sys.addaudithook(watch)
    return watch


def run_study(study: str) -> None:
    """Run a study on what it declares.

    Raises:
        UserError: it reads, imports or writes anything else, or fails for a reason of its own.
    """
    settle()  # before any library that computes
    params = load_params()
    declared = read_declaration(study)
    run_checked(declared, params, lambda: _run_watched(study, params, declared))


def _run_watched(study: str, params: Params, declared: Declaration) -> None:
    work = getattr(import_module(f"{STUDIES}.{study}"), study)
    watch = watch_files(declared)
    try:
        work(View(params, "", declared))
    finally:
        if watch.refused:
            raise watch.refused


def command_line() -> None:
    """The command line of `python -m studies`."""
    parser = argparse.ArgumentParser(prog=f"python -m {STUDIES}", description=f"Runs a study of {STUDIES_FILE}.")
    parser.add_argument("study", help="its name, or what DVC calls it: studies/dvc.yaml:NAME")
    run_study(parser.parse_args().study.rpartition(":")[2])


if __name__ == "__main__":
    run(command_line)
