"""A stage gets what dvc.yaml declares for it, and nothing else: params, modules and libraries."""

import os
import py_compile
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from declaring import HIDDEN, assert_done, assert_refused, declare, start, to_add, work, write_stage
from editing import edit_yaml

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.questions import pins_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params

pytestmark = pytest.mark.slow

# Params


def test_what_is_declared_is_given(project: Path) -> None:
    body = """
    from stages.common.basics.params.questions import settings_of
    settings = settings_of(params, name)
    print(name, params.seed, settings.dataset, settings.hidden, settings.optimizer)
    """
    assert_done(work(project, body.replace("\n    ", "\n").strip()), "imdb 1 imdb [16, 16] rmsprop")


@pytest.mark.parametrize(
    ("reads", "param", "line"),
    [
        ("params.plots", "plots", "plots"),
        ("params.plots.dpi", "plots", "plots"),
        ("params.defaults[params.models[name].dataset].loss", "defaults.imdb.loss", "defaults.${item.dataset}.loss"),
        ("params.defaults['imdb'].epochs", "defaults.imdb.epochs", "defaults.${item.dataset}.epochs"),
        ("params.defaults['reuters'].optimizer", "defaults.reuters", "defaults.reuters"),
        ("params.models['reuters'].hidden", "models.reuters", "models.reuters"),
        ("params.datasets['imdb'].labels", "datasets", "datasets"),
    ],
)
def test_an_undeclared_param(project: Path, reads: str, param: str, line: str) -> None:
    assert_refused(work(project, reads), f"work@imdb reads {param} of params.yaml", to_add(line, "params"))


def test_an_undeclared_default_of_a_model(project: Path) -> None:
    """`settings.loss` is the model's own, if it has one; whether it has may change any time."""
    done = work(
        project, "settings_of(params, name).loss", "from stages.common.basics.params.questions import settings_of"
    )
    assert_refused(done, "defaults.imdb.loss", to_add("defaults.${item.dataset}.loss", "params"))


def test_a_line_is_put_back_as_dvc_yaml_has_it(project: Path) -> None:
    def rename(content: Any) -> None:
        content["stages"]["work"]["do"]["params"] = ["models.${key}.dataset"]

    edit_yaml(project / "dvc.yaml", rename)
    done = work(project, "params.models[name].hidden")
    assert_refused(done, "models.imdb.hidden", to_add("models.${key}.hidden", "params"))


def test_a_declared_param_may_be_read_of_another_item_too_if_it_is_declared(project: Path) -> None:
    declare(project, "params", "models")
    assert_done(work(project, "print(sorted(params.models)[:2])"), "['imdb', 'imdb_1_layer']")


def test_a_declared_section_gives_all_of_it(project: Path) -> None:
    declare(project, "params", "plots")
    declare(project, "params", "defaults.${item.dataset}")
    done = work(project, "print(params.plots.dpi, params.defaults['imdb'].epochs)")
    assert_done(done, "110 4")


@pytest.mark.parametrize(
    ("body", "top"),
    [("print(PARAMS.plots.dpi)", "PARAMS = load_params()"), ("load_params()", ""), ("open('dvc.yaml')", "")],
    ids=["when it is imported", "in the function", "dvc.yaml"],
)
def test_params_read_by_the_stage_itself(project: Path, body: str, top: str) -> None:
    done = work(project, body, f"from stages.common.basics.params.reading import load_params\n{top}")
    assert_refused(done, "work@imdb opens ", ".yaml: expected it to use its argument `params`")


def test_a_dataset_is_named_by_the_key(project: Path) -> None:
    write_stage(project, "params.datasets[name].num_words", stage="download")
    done = start(project, "download", "imdb")
    assert_refused(done, "datasets.imdb.num_words", to_add("datasets.${key}.num_words", "params", "download"))


@pytest.mark.parametrize("reads", ["list(params.models)", "'imdb' in params.models"])
def test_going_through_a_section_that_is_declared_in_part(project: Path, reads: str) -> None:
    assert_refused(work(project, reads), "reads models of params.yaml", to_add("models", "params"))


# Modules


IMPORTS = {
    "at the top": ("", "from stages.helping.words import WORDS"),
    "in the function": ("from stages.helping.words import WORDS", ""),
    "by name": ("import importlib\nimportlib.import_module('stages.helping.words')", ""),
    "by another": ("from stages.common.basics import through", ""),
    "by its path": ("import runpy\nrunpy.run_path('stages/helping/words.py')", ""),
    "though caught": ("try:\n    import stages.helping.words\nexcept Exception:\n    pass", ""),
}


@pytest.mark.parametrize(("body", "top"), IMPORTS.values(), ids=IMPORTS)
def test_an_undeclared_module(project: Path, body: str, top: str) -> None:
    (project / "stages/helping").mkdir()
    (project / "stages/helping/__init__.py").touch()
    (project / "stages/helping/words.py").write_text("WORDS = 3\n", encoding="utf-8")
    (project / "stages/common/basics/through.py").write_text("from stages.helping import words\n", encoding="utf-8")
    message = ("work@imdb reads stages/helping/words.py", to_add("stages/helping/words.py", "deps"))
    body = body or "pass"
    assert_refused(work(project, body, top), *message)
    py_compile.compile(str(project / "stages/helping/words.py"))
    assert_refused(start(project, "work", "imdb"), *message)  # the compiled one, too

    declare(project, "deps", "stages/helping")
    assert_done(start(project, "work", "imdb"))
    assert_done(start(project, "work", "imdb"))


def test_a_folder_of_the_same_beginning_is_another(project: Path) -> None:
    (project / "stages/commonly.py").write_text("", encoding="utf-8")
    assert_refused(work(project, "import stages.commonly"), "stages/commonly.py")


def test_what_every_stage_uses_must_be_declared_too(project: Path) -> None:
    edit_yaml(project / "dvc.yaml", lambda content: content["stages"]["work"]["do"]["deps"].remove("stages/common"))
    assert_refused(work(project, "pass"), "work@imdb reads stages/common/")


def test_an_undeclared_module_in_the_init_of_a_folder(project: Path) -> None:
    (project / "stages/helping").mkdir()
    (project / "stages/helping/__init__.py").write_text("WORDS = 3\n", encoding="utf-8")
    assert_refused(work(project, "from stages.helping import WORDS"), "stages/helping/__init__.py")


# Libraries


def test_an_undeclared_library(project: Path) -> None:
    done = work(project, "import numpy")
    assert_refused(done, "work@imdb imports numpy", to_add("libraries.arrays", "params"))


def test_an_undeclared_library_that_another_brings(project: Path) -> None:
    declare(project, "params", "libraries.drawing")
    done = work(project, "import scipy.stats, matplotlib")
    assert_refused(done, "work@imdb imports scipy", to_add("libraries.statistics", "params"))


def test_a_library_of_no_group(project: Path) -> None:
    path = project / PARAMS_FILE
    path.write_text(re.sub(r" scikit-learn==\S+", "", path.read_text("utf-8")), encoding="utf-8")
    declare(project, "params", "libraries.scores")
    done = work(project, "import sklearn")
    expected = "error: params.yaml: libraries: expected scikit-learn, which work@imdb imports, in a group"
    assert_refused(done, expected)


def test_a_declared_library(project: Path) -> None:
    declare(project, "params", "libraries.arrays")
    done = work(project, "import numpy\nprint(numpy.__version__)")
    assert_done(done, version("numpy"))


@pytest.mark.parametrize(("library", "group"), [("scikit-learn", "scores"), ("tensorflow", "networks")])
def test_another_version_of_a_declared_library(project: Path, library: str, group: str) -> None:
    write_stage(project, "print('ran')")
    path = project / PARAMS_FILE
    path.write_text(re.sub(rf"\b{library}==\S+", f"{library}==0.1", path.read_text("utf-8")), encoding="utf-8")
    assert_done(start(project, "work", "imdb"), "ran")  # declared by none
    declare(project, "params", f"libraries.{group}")
    done = start(project, "work", "imdb")
    installed = pins_of(load_params(ROOT / PARAMS_FILE).libraries[group])[library]
    assert_refused(done, f"work@imdb: expected {library} 0.1, as params.yaml has it", f"found {installed}")
    assert done.stdout == ""


# Names


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("work", "imbd"), ("params.yaml: models: expected one of imdb, reuters, ", "found 'imbd'")),
        (("work",), ("params.yaml: models: expected one of imdb, reuters, ", "found None")),
        (("gather", "imdb"), ("gather: expected no key", "found 'imdb'")),
        (("spare",), ("dvc.yaml: expected a stage, one of work, download, gather", "found 'spare'")),
    ],
    ids=" ".join,
)
def test_a_wrong_name(project: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    for stage in ("work", "gather", "spare"):
        write_stage(project, "print('ran')", stage=stage)
    assert_refused(start(project, *arguments), *parts)


def test_an_unknown_stage(project: Path) -> None:
    write_stage(project, "pass")
    assert_refused(start(project, "wrok", "imdb"), "'wrok'", "work")


def test_a_stage_without_a_key(project: Path) -> None:
    write_stage(project, "open('data/all.txt', 'w').write('all')\nprint('ran')", stage="gather")
    assert_done(start(project, "gather"), "ran")


def test_help_runs_nothing(project: Path) -> None:
    write_stage(project, "pass", top='"""What work does."""\nraise SystemError')
    assert_done(start(project, "work", "--help"), "What work does.")


def test_outside_of_a_project(project: Path, tmp_path: Path) -> None:
    write_stage(project, "pass")
    (tmp_path / "empty").mkdir()
    done = start(tmp_path / "empty", "work", "imdb", PYTHONPATH=str(project))
    assert_refused(done, "params.yaml: no such file")


# What a stage makes of it


def test_a_violation_that_is_caught_leaves_no_way_out(project: Path) -> None:
    body = f"""import sys
try:
    open({HIDDEN!r})
except Exception:
    sys.exit()"""
    assert_refused(work(project, body), HIDDEN)


def test_a_stage_may_fail_of_itself(project: Path) -> None:
    done = work(project, "raise UserError('nothing to do')", "from stages.common.basics.errors import UserError")
    assert_refused(done, "nothing to do")


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
def test_a_child_of_a_stage_is_watched_too(project: Path) -> None:
    body = f"""import os
process = os.fork()
if not process:
    try:
        open({HIDDEN!r})
    except Exception:
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))"""
    assert_done(work(project, body), "7")
