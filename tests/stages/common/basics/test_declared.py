"""A stage gets what dvc.yaml declares for it, and nothing else: on a small project with a stage of a few lines."""

import os
import py_compile
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from editing import edit_yaml

from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.params.questions import pins_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params

PIPELINE = """
stages:
  work:
    foreach: ${models}
    do:
      cmd: python -m stages work ${key}
      deps: [stages/work.py, stages/common, "data/in/${item.dataset}"]
      params: [seed, "models.${key}", "defaults.${item.dataset}.optimizer"]
      outs: ["data/out/${key}"]
      metrics:
      - reports/${key}/figures.json: {cache: false}
  download:
    foreach: ${official}
    do:
      cmd: python -m stages download ${key}
      deps: [stages/download.py, stages/common]
      params: ["official.${key}", "datasets.${key}.labels"]
      outs: ["data/in/${key}"]
  gather:
    cmd: python -m stages gather
    deps: [stages/gather.py, stages/common]
    outs: [data/all.txt]
"""
HIDDEN = "data/hidden.txt"  # no stage declares it

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a stage `work`, to be written by each test."""
    folder = tmp_path / "project"
    (folder / "stages").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "stages" / name, folder / "stages")
    shutil.copytree(ROOT / "stages/common", folder / "stages/common", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / PARAMS_FILE, folder)
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for file in ("data/in/imdb/rows.txt", "data/in/reuters/rows.txt", HIDDEN):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{file}\n", encoding="utf-8")
    return folder


def write_stage(folder: Path, body: str, top: str = "", stage: str = "work") -> None:
    """Write a stage's module: lines at its top, and the lines of its function."""
    name = "" if stage == "gather" else ", name"
    lines = [top, f"def {stage}(params{name}):", *(f"    {line}" for line in body.splitlines())]
    (folder / "stages" / f"{stage}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def start(folder: Path, *arguments: str, python: str | Path = sys.executable, **variables: str) -> Done:
    inherited = {name: value for name, value in environment(folder).items() if name != "DATASETS_MIRROR"}
    command = [str(python), "-m", "stages", *arguments]
    return subprocess.run(command, cwd=folder, env={**inherited, **variables}, text=True, capture_output=True)


def work(folder: Path, body: str, top: str = "", **variables: str) -> Done:
    """Run the stage `work` of the model imdb, with a module of these lines."""
    write_stage(folder, body, top)
    return start(folder, "work", "imdb", **variables)


def assert_done(done: Done, output: str = "") -> None:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip() == output


def assert_refused(done: Done, *parts: str) -> None:
    """Assert that a stage failed with one line that holds `parts`."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def to_add(line: str, section: str, stage: str = "work") -> str:
    """What a message ends in: the line that would declare it, and where."""
    return f"which it does not declare: add `- {line}` to `{section}` of {stage} in dvc.yaml"


def declare(folder: Path, section: str, entry: str, stage: str = "work") -> None:
    edit_yaml(folder / "dvc.yaml", lambda content: content["stages"][stage]["do"][section].append(entry))


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
    done = work(project, "settings_of(params, name).loss", "from stages.common.basics.params import settings_of")
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
    done = work(project, body, f"from stages.common.basics.params import load_params\n{top}")
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


# Files that are read


READS = {
    "open": f"open({HIDDEN!r})",
    "open, absolute": f"import os\nopen(os.path.abspath({HIDDEN!r}), 'rb')",
    "open, from elsewhere": "import os\nos.chdir('data/in')\nopen('../hidden.txt')",
    "os.open": f"import os\nos.open({HIDDEN!r}, os.O_RDONLY)",
    "bytes": f"open({HIDDEN!r}.encode())",
    "Path": f"from pathlib import Path\nPath({HIDDEN!r}).read_text()",
    "copy": f"import shutil\nshutil.copy({HIDDEN!r}, '/dev/null')",
    "caught": f"try:\n    open({HIDDEN!r})\nexcept Exception:\n    pass",
    "in a thread": (
        f"import threading\nthread = threading.Thread(target=open, args=({HIDDEN!r},))\nthread.start()\nthread.join()"
    ),
}


@pytest.mark.parametrize("body", READS.values(), ids=READS)
def test_an_undeclared_file(project: Path, body: str) -> None:
    done = work(project, body)
    if "thread" in body:  # whose own end is told as well
        assert done.returncode == 1
        assert f"error: work@imdb reads {HIDDEN}" in done.stderr.splitlines()[-1]
    else:
        assert_refused(done, f"work@imdb reads {HIDDEN}", to_add(HIDDEN, "deps"))


def test_an_undeclared_file_that_numpy_loads(project: Path) -> None:
    declare(project, "params", "libraries.arrays")
    body = "import numpy\nnumpy.load('data/hidden.npy', mmap_mode='r')"
    (project / "data/hidden.npy").touch()
    assert_refused(work(project, body), "reads data/hidden.npy", to_add("data/hidden.npy", "deps"))


LINES = {
    "data/raw/imdb/x": "data/raw/${item.dataset}/x",
    "data/models/imdb/x": "data/models/${key}/x",
}


@pytest.mark.parametrize(("path", "line"), LINES.items(), ids=LINES)
def test_the_line_to_add_names_no_model_and_no_dataset(project: Path, path: str, line: str) -> None:
    (project / path).parent.mkdir(parents=True)
    (project / path).touch()
    assert_refused(work(project, f"open({path!r})"), to_add(line, "deps"))


def test_the_line_to_add_names_no_model_in_a_files_name(project: Path) -> None:
    (project / "data/predictions").mkdir()
    (project / "data/predictions/imdb.npy").touch()
    done = work(project, "open('data/predictions/imdb.npy')")
    assert_refused(done, to_add("data/predictions/${key}.npy", "deps"))


def test_declared_files_and_what_the_stage_itself_has_written(project: Path) -> None:
    body = """from pathlib import Path
print(open('data/in/imdb/rows.txt').read().strip())
out, metrics = Path('data/out/imdb'), Path('reports/imdb/figures.json')
out.mkdir(parents=True)
metrics.parent.mkdir(parents=True)
(out / 'deep').mkdir()
(out / 'deep' / 'a.txt').write_text('a')
metrics.write_text('{}')
print((out / 'deep' / 'a.txt').read_text() + metrics.read_text())
(out / 'deep' / 'a.txt').rename(out / 'b.txt')"""
    assert_done(work(project, body), "data/in/imdb/rows.txt\na{}")
    assert (project / "data/out/imdb/b.txt").read_text() == "a"


def test_the_inputs_of_another_dataset_are_not_declared(project: Path) -> None:
    done = work(project, "open('data/in/reuters/rows.txt')")
    assert_refused(done, "reads data/in/reuters/rows.txt")


def test_a_file_that_is_not_there_says_nothing(project: Path) -> None:
    assert_done(work(project, "try:\n    open('data/nothing')\nexcept FileNotFoundError:\n    print('none')"), "none")


def test_files_outside_the_project_are_the_machines(project: Path, tmp_path: Path) -> None:
    (tmp_path / "machine.txt").write_text("seen", encoding="utf-8")
    body = f"print(open({str(tmp_path / 'machine.txt')!r}).read())\nopen({str(tmp_path / 'log')!r}, 'w')"
    assert_done(work(project, body), "seen")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("import os\nprint(len(os.listdir('data')))", id="listdir"),
        pytest.param("from pathlib import Path\nprint(len(list(Path('data').glob('*'))))", id="glob"),
    ],
)
def test_an_undeclared_folder(project: Path, body: str) -> None:
    assert_refused(work(project, body), "data")


@pytest.mark.parametrize("function", ["link", "symlink"])
def test_an_undeclared_file_linked_into_an_out(project: Path, function: str) -> None:
    body = f"import os\nos.makedirs('data/out/imdb')\nos.{function}(os.path.abspath({HIDDEN!r}), 'data/out/imdb/x')"
    assert_refused(work(project, f"{body}\nopen('data/out/imdb/x')"), HIDDEN)


# Files that are written


WRITES = {
    "open": ("open('elsewhere', 'w')", "elsewhere"),
    "append": (f"open({HIDDEN!r}, 'a')", HIDDEN),
    "update": (f"open({HIDDEN!r}, 'r+')", HIDDEN),
    "an input": ("open('data/in/reuters/rows.txt', 'w')", "data/in/reuters/rows.txt"),
    "mkdir": ("from pathlib import Path\nPath('elsewhere').mkdir()", "elsewhere"),
    "touch": ("from pathlib import Path\nPath('elsewhere').touch()", "elsewhere"),
    "rename": ("import os\nos.makedirs('data/out/imdb')\nos.rename('data/out/imdb', 'elsewhere')", "elsewhere"),
    "rename it": (
        f"import os\nos.makedirs('data/out/imdb')\nos.rename({HIDDEN!r}, 'data/out/imdb/x')",
        HIDDEN,
    ),
    "replace": (f"import os\nos.replace({HIDDEN!r}, '/tmp/x')", HIDDEN),
    "remove": (f"import os\nos.remove({HIDDEN!r})", HIDDEN),
    "rmtree": ("import shutil\nshutil.rmtree('data/in/reuters')", "data/in/reuters"),
    "copy": ("import shutil\nshutil.copy('data/in/imdb/rows.txt', 'elsewhere')", "elsewhere"),
    "a model's of another": ("import os\nos.makedirs('data/out/reuters')", "data/out/reuters"),
    "caught": ("try:\n    open('elsewhere', 'w')\nexcept Exception:\n    pass", "elsewhere"),
}


@pytest.mark.parametrize(("body", "path"), WRITES.values(), ids=WRITES)
def test_an_undeclared_output(project: Path, body: str, path: str) -> None:
    before = {file: file.read_bytes() for file in project.glob("data/**/*.txt")}
    done = work(project, body)
    assert_refused(done, "work@imdb ", path)
    if "rmtree" not in body:
        assert_refused(done, f"work@imdb writes {path}", to_add(path, "outs"))
    assert not (project / "elsewhere").exists()
    assert {file: file.read_bytes() for file in project.glob("data/**/*.txt")} == before


def test_a_truncated_file(project: Path) -> None:
    assert_refused(work(project, f"import os\nos.truncate({HIDDEN!r}, 0)"), HIDDEN)


def test_hidden_names_beside_outs_are_theirs(project: Path) -> None:
    body = """from pathlib import Path
from stages.common.basics.artifacts import new_directory, write_json
for _ in range(2):
    with new_directory(Path('data/out') / name) as folder:
        (folder / 'train').mkdir()
        (folder / 'train' / 'a').write_text('a')
    write_json(Path('reports') / name / 'figures.json', {})"""
    assert_done(work(project, body))
    assert sorted(path.name for path in (project / "data/out").iterdir()) == ["imdb"]
    assert (project / "data/out/imdb/train/a").read_text() == "a"


@pytest.mark.parametrize("path", ["data/out/.imdb", "data/out/.imdb2.partial", "data/.imdb.partial"])
def test_other_hidden_names_are_not(project: Path, path: str) -> None:
    assert_refused(work(project, f"import os\nos.makedirs('data/out')\nopen({path!r}, 'w')"), f"writes {path}")


def test_a_folder_of_the_project_may_be_named_as_one_in_an_out(project: Path) -> None:
    (project / "train").mkdir()
    body = """import shutil
from pathlib import Path
Path('data/out/imdb/train').mkdir(parents=True)
shutil.rmtree('data/out/imdb')"""
    assert_done(work(project, body))


# Around the project


def test_an_environment_in_the_project_may_be_read(project: Path) -> None:
    venv.create(project / ".venv", with_pip=False, symlinks=True)
    (site,) = project.glob(".venv/lib/*/site-packages")
    (site / "ours.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path), encoding="utf-8")
    (site / "installed.py").write_text("WORD = 'installed'\n", encoding="utf-8")
    (site / "installed.txt").write_text("a file of it\n", encoding="utf-8")
    body = f"import installed\nprint(installed.WORD, open({str(site / 'installed.txt')!r}).read().strip())"
    write_stage(project, body)
    assert_done(start(project, "work", "imdb", python=project / ".venv/bin/python"), "installed a file of it")
    assert_refused(work(project, f"open({str(site / 'installed.txt')!r})"), ".venv")  # of another environment


def test_a_project_in_an_environment(project: Path) -> None:
    """As /usr/src/app with the Python of /usr, or /opt/conda/work."""
    venv.create(project.parent, with_pip=False, symlinks=True)
    (site,) = project.parent.glob("lib/*/site-packages")
    (site / "ours.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path), encoding="utf-8")
    write_stage(project, f"open({HIDDEN!r})")
    assert_refused(start(project, "work", "imdb", python=project.parent / "bin/python"), HIDDEN)


@pytest.mark.parametrize("variable", ["DATASETS_MIRROR", "KERAS_HOME"])
@pytest.mark.parametrize("absolute", [False, True])
def test_where_users_keep_official_files_may_be_read(project: Path, variable: str, absolute: bool) -> None:
    (project / "mine").mkdir()
    (project / "mine/file.txt").write_text("mine", encoding="utf-8")
    write_stage(project, "print(open('mine/file.txt').read())", stage="download")
    variables = {variable: str(project / "mine") if absolute else "mine"}
    assert_refused(start(project, "download", "imdb"), "mine/file.txt")
    assert_done(start(project, "download", "imdb", **variables), "mine")
    assert_refused(work(project, "open('mine/file.txt')", **variables), "reads mine/file.txt")


def test_a_mirror_at_an_address_is_no_folder(project: Path) -> None:
    assert_refused(work(project, f"open({HIDDEN!r})", DATASETS_MIRROR="https://example.org/data"), HIDDEN)


def test_a_mirror_around_the_project(project: Path) -> None:
    assert_refused(work(project, f"open({HIDDEN!r})", DATASETS_MIRROR=str(project.parent)), HIDDEN)


def test_what_pip_leaves_in_the_project_may_be_read(project: Path) -> None:
    """scikit-learn, for one, asks for all entry points when it is imported."""
    (project / "bagpipe.egg-info").mkdir()
    (project / "bagpipe.egg-info/PKG-INFO").write_text("Metadata-Version: 2.1\nName: bagpipe\nVersion: 0.1.0\n")
    (project / "bagpipe.egg-info/entry_points.txt").write_text("[console_scripts]\nbagpipe = stages:main\n")
    assert_done(work(project, "from importlib.metadata import entry_points\nentry_points()"))


def test_a_keras_home_in_the_project_to_begin_with(copy: Path) -> None:
    done = start(copy, "train", "imdb", KERAS_HOME=".keras")
    assert done.returncode == 0, done.stderr


def test_temporary_files_may_lie_in_the_project(project: Path) -> None:
    """TensorFlow looks for such a place when a stage trains."""
    (project / "tmp").mkdir()
    body = "import tempfile\nwith tempfile.TemporaryFile() as file:\n    file.write(b'a')"
    assert_done(work(project, body, TMPDIR=str(project / "tmp")))


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
