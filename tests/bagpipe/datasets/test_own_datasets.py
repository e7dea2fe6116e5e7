"""`bagpipe add` and `bagpipe remove`: from a folder of texts to a tested classifier, and back."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calling import refused, run
from commands import bagpipe, dvc
from editing import edit_yaml
from git_identity import IDENTITY
from labelled_texts import SALT, some_texts, write_csv, write_folders, write_jsonl

from bagpipe.datasets.add import format_yaml
from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.artifacts import read_json
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.corpora.layout import find_layout

pytestmark = pytest.mark.slow

STAGES = ("vectorize", "describe", "baseline", "validate", "train", "evaluate", "replicate", "render")


def state(folder: Path) -> dict[str, bytes]:
    """All files but DVC's cache and temporary ones."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if not path.relative_to(folder).as_posix().startswith((".dvc/cache", ".dvc/tmp", ".git/"))
    }


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "my reviews ü"
    folder.mkdir()
    write_csv(folder / "texts.csv", some_texts(400))
    (folder / "LICENSE").write_text("free", encoding="utf-8")
    return folder


# The two commands


def test_from_a_folder_to_a_classifier_and_back(copy: Path, texts: Path) -> None:
    before = state(copy)
    told = run(copy, "add", "mine", str(texts), "--test-split", "0.25")
    for expected in ("1 file, csv", "all 3 labels", "Left out: ", "LICENSE", "Duplicates: ", "bagpipe repro"):
        assert expected in told
    assert (texts / "texts.csv").exists()
    assert (copy / "data/raw/mine/texts.csv").read_bytes() == (texts / "texts.csv").read_bytes()
    assert (copy / "data/raw/mine.dvc").exists()

    run(copy, "repro", *(f"{stage}@mine" for stage in STAGES), "report")
    rows = read_json(copy / "data/vectorized/mine/labels.json")
    assert rows == ["sport", "weather", "Öffi&Co"]
    assert read_json(copy / "reports/models/mine/metrics.json")["test"]["accuracy"] > 0.5
    assert "mine" in (copy / "reports/README.md").read_text(encoding="utf-8")
    status = dvc(copy, "status", "report", capture_output=True)
    assert status.stdout.strip() == "Data and pipelines are up to date."

    (line,) = run(copy, "predict", "mine", "--json", "--explain", "goal goal goal").splitlines()
    assert json.loads(line)["label"] == "sport"
    shown = run(copy, "decode", "mine", "--split", "test", "--count", "3", "--label", "sport").splitlines()
    assert len(shown) == 6
    assert all(re.fullmatch(r"mine test \d+, label 0 \(sport\):", line) for line in shown[::2])
    assert all("goal" in line for line in shown[1::2])

    assert "Removed mine" in run(copy, "remove", "mine")
    dvc(copy, "repro", "report", check=True, capture_output=True)
    after = state(copy)
    assert {path for path in after if before.get(path) != after[path]} == set()
    assert before.keys() == after.keys()


def test_the_lines_of_params_stay_as_they_are(copy: Path, texts: Path) -> None:
    before = (copy / "params.yaml").read_text(encoding="utf-8")
    run(copy, "add", "mine", str(texts))
    after = (copy / "params.yaml").read_text(encoding="utf-8").splitlines()
    kept = iter(after)
    assert all(line in kept for line in before.splitlines())  # in their order
    params = load_params(copy / "params.yaml")
    settings = settings_of(params, "mine")
    assert params.datasets["mine"] == TextDataset(
        texts="mine",
        format="csv",
        text="text",
        label="label",
        num_words=30_000,
        ngrams=2,
        weighting="tf_idf",
        test_split=0.2,
        salt=SALT,
    )
    assert (settings.loss, settings.hidden, settings.batch_size) == ("categorical_crossentropy", [64], 16)


def test_an_own_dataset_passes_verify(copy: Path, texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of `dvc add` belongs into Git, the texts do not."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    (copy / ".dvc" / "config.local").unlink()
    shutil.copy(ROOT / ".gitignore", copy)
    with open(copy / ".gitignore", "a", encoding="utf-8") as file:
        file.write("/.mirror/\n/repro.log\n")
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=copy, check=True)
    run(copy, "add", "mine", str(texts), "--test-split", "0.25")
    run(copy, "repro")
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "mine"], cwd=copy, check=True)
    tracked = subprocess.run(["git", "ls-files", "data"], cwd=copy, capture_output=True, text=True).stdout.split()
    assert tracked == ["data/raw/mine.dvc"]
    assert "FAILED" not in run(copy, "verify")
    clone = copy.parent / "clone"
    subprocess.run(["git", "clone", "--quiet", str(copy), str(clone)], check=True)
    assert "FAILED" not in run(clone, "verify")


def test_moved_files(copy: Path, texts: Path) -> None:
    content = (texts / "texts.csv").read_bytes()
    run(copy, "add", "mine", str(texts), "--move")
    assert not (texts / "texts.csv").exists()
    assert (copy / "data/raw/mine/texts.csv").read_bytes() == content
    assert (texts / "LICENSE").exists()


def test_a_single_file_other_columns_and_a_group(copy: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "a b.csv", some_texts(400), header=("review", "stars", "author"))
    run(
        copy, "add", "mine", str(tmp_path / "a b.csv"), *("--text", "review", "--label", "stars", "--group", "author")
    )
    dataset = load_params(copy / "params.yaml").datasets["mine"]
    assert (dataset.text, dataset.label, dataset.group) == ("review", "stars", "author")
    run(copy, "repro", "vectorize@mine")
    assert (copy / "data/raw/mine/a b.csv").exists()


def test_ready_parts(copy: Path, tmp_path: Path) -> None:
    """The hold-out is the validation part."""
    folder = tmp_path / "parts"
    for part, count in (("train", 300), ("validation", 60), ("test", 90)):
        (folder / part).mkdir(parents=True)
        write_folders(folder / part, some_texts(count, seed=count))
    run(copy, "add", "mine", str(folder))
    params = load_params(copy / "params.yaml")
    assert params.datasets["mine"].test_split is None
    assert params.defaults["mine"].holdout == 65
    run(copy, "repro", "validate@mine")


# Nothing is changed


def bad_texts(folder: Path) -> None:
    (folder / "texts.csv").write_text("text,label\none,x\ntwo\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imdb", "datasets: expected no 'imdb' yet"),
        ("imdb_mse", "models: expected no 'imdb_mse' yet"),
        ("Mine", "NAME: expected up to 60 small letters"),
        ("../mine", "NAME: expected up to 60 small letters"),
        ("null", "NAME: expected a name that is no word of YAML's own"),
    ],
)
def test_a_name_that_cannot_be(name: str, message: str, texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    before = state(folder)
    assert message in refused(folder, "add", name, str(texts))
    assert state(folder) == before


def project_without_data(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    for name in ("params.yaml", "dvc.yaml", "published.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_bad_texts_change_nothing(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    bad_texts(texts)
    before, theirs = state(folder), state(texts)
    assert "texts.csv: line 3: expected 2 fields, found 1" in refused(folder, "add", "mine", str(texts), "--move")
    assert (state(folder), state(texts)) == (before, theirs)


@pytest.mark.parametrize("move", [[], ["--move"]])
def test_a_failure_at_the_end_is_taken_back(texts: Path, tmp_path: Path, move: list[str]) -> None:
    """DVC cannot write to its cache."""
    folder = project_without_data(tmp_path)
    before, theirs = state(folder), state(texts)
    (folder / ".dvc" / "config.local").write_text("[cache]\n    dir = /dev/null/cache\n", encoding="utf-8")
    done = bagpipe(folder, "add", "mine", str(texts), *move, capture_output=True)
    assert done.returncode == 1
    (folder / ".dvc" / "config.local").unlink()
    assert (state(folder), state(texts)) == (before, theirs)
    assert not (folder / "data").exists()


@pytest.mark.parametrize("move", [[], ["--move"]])
def test_an_interruption_is_taken_back(texts: Path, tmp_path: Path, move: list[str]) -> None:
    """When DVC has just written its file."""
    folder = project_without_data(tmp_path)
    write_csv(texts / "more.csv", some_texts(400, seed=1))
    before, theirs = state(folder), state(texts)
    code = (
        "import sys, dvc.repo, bagpipe.cli.main as m\nadd = dvc.repo.Repo.add\n"
        "def interrupted(*a, **k):\n    add(*a, **k)\n    raise KeyboardInterrupt\n"
        "dvc.repo.Repo.add = interrupted\nm.main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "add", "mine", str(texts), *move]
    done = subprocess.run(command, cwd=folder, env=environment(folder) | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 130
    assert (state(folder), state(texts)) == (before, theirs)
    assert not (folder / "data").exists()


def test_params_with_the_ends_of_lines_of_windows(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    windows = (ROOT / "params.yaml").read_bytes().replace(b"\n", b"\r\n")
    (folder / "params.yaml").write_bytes(windows)
    run(folder, "add", "mine", str(texts))
    after = (folder / "params.yaml").read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n") > windows.count(b"\n")
    run(folder, "remove", "mine")
    assert (folder / "params.yaml").read_bytes() == windows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--text", "label"), "--text, --label, --group: expected different columns"),
        (("--group", "label"), "--text, --label, --group: expected different columns"),
        (("--test-split", "nan"), "--test-split: expected a share between 0 and 1"),
        (("--text", "body"), "texts.csv: line 1: expected one column 'body', found 'text', 'label', 'by'"),
    ],
)
def test_options_that_do_not_suit(options: tuple[str, ...], message: str, texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    before = state(folder)
    assert message in refused(folder, "add", "mine", str(texts), *options)
    assert state(folder) == before


def test_columns_for_texts_without_any(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    write_folders(tmp_path / "texts", some_texts(50))
    assert "these texts are folders" in refused(folder, "add", "mine", str(tmp_path / "texts"), "--label", "stars")


def test_a_file_by_itself_is_of_no_part(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    write_csv(tmp_path / "test.csv", some_texts(400))
    run(folder, "add", "mine", str(tmp_path / "test.csv"))
    assert load_params(folder / "params.yaml").datasets["mine"].test_split == 0.2
    assert not find_layout(folder / "data/raw/mine").has_test


def test_columns_with_names_that_yaml_takes_for_others(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    write_csv(tmp_path / "a.csv", some_texts(400), header=("true", "null", "it's: #1"))
    run(folder, "add", "mine", str(tmp_path / "a.csv"), *("--text", "true", "--label", "null", "--group", "it's: #1"))
    dataset = load_params(folder / "params.yaml").datasets["mine"]
    assert (dataset.text, dataset.label, dataset.group) == ("true", "null", "it's: #1")
    assert format_yaml("stars") == "stars"


def test_a_project_without_dvc(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    shutil.rmtree(folder / ".dvc")
    before = state(folder)
    assert "DVC" in refused(folder, "add", "mine", str(texts))
    assert state(folder) == before


def test_a_torn_list_of_readers_and_writers_is_removed(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    torn = folder / ".dvc" / "tmp" / "rwlock"
    torn.parent.mkdir(exist_ok=True)
    torn.write_text('{"write": {"/x', encoding="utf-8")
    done = bagpipe(folder, "add", "mine", str(texts), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert ".dvc/tmp/rwlock was torn when DVC was killed: removed\n" in done.stdout


def test_a_lock_that_cannot_be_read_keeps_the_dataset(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    run(folder, "add", "mine", str(texts))
    (folder / "dvc.lock").write_text("<<<<<<< ours\n", encoding="utf-8")
    before = state(folder)
    assert "dvc.lock" in refused(folder, "remove", "mine")
    assert state(folder) == before


@pytest.mark.parametrize(
    ("section", "name", "entry"),
    [
        ("bounds", 7, {"of": "mine", "figure": "test.accuracy", "low": 0.5, "high": 1.0}),
        ("settings", "datasets", {"mine": {"num_words": 10}}),
    ],
)
def test_a_published_model_is_not_removed(
    texts: Path, tmp_path: Path, section: str, name: str | int, entry: dict
) -> None:
    folder = project_without_data(tmp_path)
    run(folder, "add", "mine", str(texts))

    def publish(content: dict) -> None:
        if section == "bounds":
            content[section].append(entry)
        else:
            content[section][name] = entry

    edit_yaml(folder / "published.yaml", publish)
    before = state(folder)
    assert f"published.yaml: {section}.{name}: expected no" in refused(folder, "remove", "mine")
    assert state(folder) == before


def test_a_folder_that_the_project_is_in(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    write_jsonl(tmp_path / "texts.jsonl", some_texts(50))
    assert "found one that this project is in" in refused(folder, "add", "mine", str(tmp_path))


def test_a_dataset_of_keras_is_not_removed(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    assert "found one of Keras" in refused(folder, "remove", "imdb")
    assert "no dataset 'imbd'" in refused(folder, "remove", "imbd")


def test_other_features_of_own_texts_go_with_them(texts: Path, tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    before = load_params(folder / "params.yaml")
    run(folder, "add", "mine", str(texts))

    def triples(content: dict) -> None:
        content["datasets"]["mine_triples"] = {"texts": "mine", "num_words": 500, "ngrams": 3}
        content["defaults"]["mine_triples"] = {**content["defaults"]["mine"]}
        del content["defaults"]["mine_triples"]["reference"]
        content["models"]["triples"] = {"dataset": "mine_triples", "hidden": []}

    edit_yaml(folder / "params.yaml", triples)
    assert "Removed mine and its models (mine, triples)." in run(folder, "remove", "mine")
    assert load_params(folder / "params.yaml") == before
