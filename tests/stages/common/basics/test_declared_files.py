"""A stage reads and writes the files that dvc.yaml declares for it, and no others of the project."""

import sys
import venv
from pathlib import Path

import pytest
from declaring import HIDDEN, assert_done, assert_refused, declare, start, to_add, work, write_stage

pytestmark = pytest.mark.slow

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
