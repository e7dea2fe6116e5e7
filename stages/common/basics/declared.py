"""A stage gets what dvc.yaml declares for it, and nothing else.

DVC reruns a stage when something it declares has changed; something it reads undeclared would change results unseen.
So before a line of a stage's module runs, its entry in dvc.yaml is looked up, and from then on

- `params` holds what `params:` lists and what `${item...}` is filled in with, and fails when asked for anything else;
- a file of the project can be read, or a module imported, only if `deps:` lists it or a folder it is in; what the
  stage writes itself, only if `outs:`, `metrics:` or `plots:` does;
- a library whose version can change results must be in a declared group of `libraries`, and be installed in that
  version.

Files are watched by an audit hook (watch.py), so whatever opens them through Python is seen. What C libraries such as
HDF5 or other programs open is not; for that `bagpipe verify --rerun` runs a stage in a folder without anything else.
"""

import argparse
import ast
import gc
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NoReturn

from stages.common.basics.errors import UserError
from stages.common.basics.locks import LOCKS, hold_lock
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import pins_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params, read_yaml
from stages.common.basics.params.sections import Section
from stages.common.basics.processor import settle
from stages.common.basics.watch import PIPELINE_FILE, STAGES, Watch

# Modules that may change a result, and the distributions that bring them, with and without GPU support
LIBRARIES = {
    "datasketch": ["datasketch"],
    "keras": ["keras"],
    "matplotlib": ["matplotlib"],
    "numpy": ["numpy"],
    "scipy": ["scipy"],
    "sklearn": ["scikit-learn"],
    "tensorflow": ["tensorflow-cpu", "tensorflow"],
}


@dataclass(frozen=True)
class Declaration:
    """A stage's entry in dvc.yaml: paths relative to the project's root, params as dotted keys.

    values: what dvc.yaml's `${key}`, `${item.dataset}` and the like stand for.
    """

    name: str
    params: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    values: dict[str, str]

    def covers(self, param: str) -> bool:
        """Whether `params` lists this param, or a section it is in."""
        return any(f"{param}.".startswith(f"{key}.") for key in self.params)

    def lists_part_of(self, param: str) -> bool:
        return any(key.startswith(f"{param}.") for key in self.params)

    def as_written(self, name: str, separator: str) -> str:
        """A param or path as a line of dvc.yaml would have it."""
        parts = name.split(separator)
        for place, part in enumerate(parts[1:], start=1):
            stem, dot, suffix = part.partition(".")
            names = [variable for variable, value in self.values.items() if value == stem]
            if names:
                of_a_model = parts[place - 1] in ("models", "predictions", "learning_curves")
                parts[place] = f"${{{names[0 if of_a_model else -1]}}}{dot}{suffix}"
        return separator.join(parts)

    def refuse(self, what: str, section: str, name: str) -> NoReturn:
        """Say what the stage does and does not declare, and the line that declares it."""
        line = self.as_written(name, "." if section == "params" else "/")
        raise UserError(
            f"{self.name} {what}, which it does not declare: add `- {line}` to `{section}` of "
            f"{self.name.partition('@')[0]} in {PIPELINE_FILE}"
        )


def read_declaration(stage: str, key: str | None, params: Params) -> Declaration:
    """Look up a stage, or for a group of stages the one of `key`.

    Raises:
        UserError: dvc.yaml has no such stage, or params.yaml no such key.
    """
    stages = read_yaml(PIPELINE_FILE)["stages"]
    if stage not in stages:
        raise UserError(f"{PIPELINE_FILE}: expected a stage, one of {', '.join(stages)}; found {stage!r}")
    entry = stages[stage]
    if "foreach" not in entry:
        if key is not None:
            raise UserError(f"{stage}: expected no key, as {PIPELINE_FILE} has it once; found {key!r}")
        return _resolved(stage, entry, {})
    section = entry["foreach"].strip("${}")
    items = getattr(params, section)
    if key not in items:
        raise UserError(f"{PARAMS_FILE}: {section}: expected one of {', '.join(items)}; found {key!r}")
    item = {f"item.{name}": value for name, value in dict(items[key]).items()}
    return _resolved(f"{stage}@{key}", entry["do"], {"key": key, **item}, f"{section}.{key}")


def _resolved(name: str, entry: dict[str, Any], values: dict[str, Any], section: str = "") -> Declaration:
    used = {}

    def fill(found: re.Match[str]) -> str:
        used[found[1]] = values[found[1]]
        return values[found[1]]

    def names(*sections: str) -> tuple[str, ...]:
        listed = [item for section in sections for item in entry.get(section, [])]
        plain = [next(iter(item)) if isinstance(item, dict) else item for item in listed]
        return tuple(re.sub(r"\$\{([\w.]+)\}", fill, text) for text in plain)

    params, deps, outs = names("params"), names("deps"), names("outs", "metrics", "plots")
    filled_in = (variable.replace("item", section, 1) for variable in used if variable != "key")
    return Declaration(name, (*params, *filled_in), deps, outs, dict(sorted(used.items(), reverse=True)))


class View:
    """A section of params.yaml of which a stage declares a part: reading anything else fails."""

    def __init__(self, section: Section | dict[str, Any], path: str, declared: Declaration) -> None:
        self._section: Any = section
        self._path, self._declared = path, declared

    def __getattr__(self, name: str) -> Any:
        return self._child(name, getattr(self._section, name))

    def __getitem__(self, name: str) -> Any:
        return self._child(name, self._section[name])

    def __contains__(self, name: str) -> bool:
        return self._refuse(self._path)

    def __iter__(self) -> NoReturn:
        self._refuse(self._path)

    def _refuse(self, path: str) -> NoReturn:
        self._declared.refuse(f"reads {path or 'all'} of {PARAMS_FILE}", "params", path)

    def _child(self, name: str, value: Any) -> Any:
        path = f"{self._path}.{name}".lstrip(".")
        if self._declared.covers(path):
            return value
        if isinstance(value, Section | dict) and self._declared.lists_part_of(path):
            return View(value, path, self._declared)
        return self._refuse(path)


def check_libraries(declared: Declaration, params: Params) -> dict[str, str]:
    """Check that the declared libraries are installed in the versions of params.yaml; return these.

    Raises:
        UserError: one of them is another version.
    """
    groups = [pins_of(pins) for group, pins in params.libraries.items() if declared.covers(f"libraries.{group}")]
    pins = {name: version for group in groups for name, version in group.items()}
    for name, expected in pins.items():
        if (found := _installed(name)) != expected:
            raise UserError(
                f"{declared.name}: expected {name} {expected}, as {PARAMS_FILE} has it under libraries; found "
                f"{found}; install what requirements.txt pins, or change both"
            )
    return pins


def _installed(library: str) -> str:
    for distribution in LIBRARIES.get("sklearn" if library == "scikit-learn" else library, [library]):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            pass
    return "none"


def refuse_library(module: str, declared: Declaration, params: Params) -> NoReturn:
    """Say that a stage has imported a library undeclared, and the smallest group of params.yaml that has it."""
    library = LIBRARIES[module][-1]
    groups = {group: len(pins) for group, pins in params.libraries.items() if library in pins_of(pins)}
    if not groups:
        raise UserError(f"{PARAMS_FILE}: libraries: expected {library}, which {declared.name} imports, in a group")
    declared.refuse(f"imports {module}", "params", f"libraries.{min(groups, key=groups.__getitem__)}")


def source_of(stage: str) -> Path:
    """Where the function of a stage is: stages/NAME.py, or stages/NAME/NAME.py if the stage has a folder."""
    folder = STAGES / stage
    return (folder / stage if folder.is_dir() else folder).with_suffix(".py")


def module_of(stage: str) -> str:
    return ".".join(source_of(stage).with_suffix("").parts)


def run_checked(declared: Declaration, params: Params, run: Callable[[], None]) -> None:
    """Run something with the libraries that it declares, one such run at a time.

    Raises:
        UserError: a library is another version, or not declared; or `run` fails.
    """
    pins = check_libraries(declared, params)
    # of two runs at once, each would take away what the other is writing
    with hold_lock(LOCKS / f"{declared.name}.stage.lock", f"{declared.name} is running already: waiting for its end"):
        run()
    for module, distributions in LIBRARIES.items():
        if sys.modules.get(module) and distributions[-1] not in pins:
            refuse_library(module, declared, params)


def run_declared(stage: str, key: str | None) -> None:
    """Run a stage on what it declares.

    Raises:
        UserError: it reads, imports or writes anything else, or fails for a reason of its own.
    """
    settle()  # before any library that computes
    params = load_params()
    declared = read_declaration(stage, key, params)
    run_checked(declared, params, lambda: _run_watched(stage, key, params, declared))


def _run_watched(stage: str, key: str | None, params: Params, declared: Declaration) -> None:
    watch = Watch(declared, Path.cwd())
    for loaded in list(sys.modules.values()):  # what has brought us here is a stage's code, too
        file = Path(getattr(loaded, "__file__", None) or "/")
        if loaded.__name__ != "__main__" and file.is_relative_to(STAGES.absolute()):
            watch.read(file.relative_to(Path.cwd()))
    sys.pycache_prefix = None  # compiled modules lie beside their source, where the watch knows them
    sys.addaudithook(watch)
    try:
        work = getattr(import_module(module_of(stage)), stage)
        gc.freeze()  # see __main__.py
        gc.enable()
        work(View(params, "", declared), *([] if key is None else [key]))
    finally:
        if watch.refused:
            raise watch.refused


def command_line() -> None:
    """The command line of `python -m stages`."""
    parser = argparse.ArgumentParser(prog="python -m stages", add_help=False)
    parser.add_argument("address", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    arguments = parser.parse_args()
    # As typed, or as DVC has it: train@imdb, and from a folder below ../dvc.yaml:train@imdb
    stage, _, key = "@".join(arguments.address).rpartition(f"{PIPELINE_FILE}:")[2].partition("@")
    source = source_of(stage)
    if arguments.help and source.is_file():
        print(ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))))
    elif arguments.help or not stage:
        print("usage: python -m stages STAGE [DATASET or MODEL]\n")
        names = sorted(path.stem for path in STAGES.rglob("[a-z]*.py") if source_of(path.stem) == path)
        print(f"Runs a stage of {PIPELINE_FILE}: {', '.join(names)}.")
        print("`python -m stages STAGE --help` says what it does.")
        sys.exit(not arguments.help)
    else:
        run_declared(stage, key or None)
