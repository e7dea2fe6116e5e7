"""`bagpipe add --append` and `--dry-run`: more texts leave those that are there where they are."""

import json
import re
from pathlib import Path

import pytest
from calling import refused, run
from commands import bagpipe, dvc
from editing import edit_yaml
from labelled_texts import WRITERS, some_texts, write_csv, write_folders
from test_own_datasets import project_without_data, state

from bagpipe.datasets.append import check_taken_for
from stages.common.basics.errors import UserError
from stages.common.basics.rows import load_hashes, load_labels
from stages.common.corpora.layout import TextFile, find_layout

pytestmark = pytest.mark.slow


def files_of(raw: Path) -> dict[str, tuple[str | None, str | None]]:
    """The split and the label of each file, by its name below a folder."""
    return {file.path.relative_to(raw).as_posix(): (file.part, file.label) for file in find_layout(raw).files}


def test_more_texts_leave_the_others_on_their_side(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tmp_path / "texts.csv", some_texts(400))
    run(copy, "add", "mine", str(tmp_path / "texts.csv"))
    run(copy, "repro")
    params = (copy / "params.yaml").read_bytes()
    monkeypatch.chdir(copy)
    before = {part: set(load_hashes("mine", part).tolist()) for part in ("train", "test")}

    more = [*some_texts(300, seed=1), *((f"snow on hill {number}", "ski", "author 1") for number in range(60))]
    write_csv(tmp_path / "texts.csv", more)
    told = run(copy, "add", "mine", str(tmp_path / "texts.csv"), "--append")
    assert f"New: {len(more)} texts, " in told
    assert "New labels: 'ski'." in told
    assert "all 4 labels" in told
    assert sorted(path.name for path in (copy / "data/raw/mine").iterdir()) == ["texts.added_1.csv", "texts.csv"]
    assert (copy / "data/raw/mine/texts.added_1.csv").read_bytes() == (tmp_path / "texts.csv").read_bytes()
    assert (copy / "params.yaml").read_bytes() == params

    stale = json.loads(dvc(copy, "status", "--json", capture_output=True).stdout)
    assert "vectorize@mine" in stale
    assert {name.partition("@")[2] for name in stale} <= {"mine", ""}
    run(copy, "repro", "vectorize@mine")
    after = {part: set(load_hashes("mine", part).tolist()) for part in ("train", "test")}
    for part, hashes in before.items():
        assert hashes < after[part]
    assert load_labels("mine") == ["ski", "sport", "weather", "Öffi&Co"]

    run(copy, "add", "mine", str(tmp_path / "texts.csv"), "--append")
    assert (copy / "data/raw/mine/texts.added_2.csv").exists()


@pytest.mark.parametrize("form", WRITERS)
def test_texts_of_every_format(tmp_path: Path, form: str) -> None:
    folder = project_without_data(tmp_path)
    for name, seed in (("first", 0), ("second", 1)):
        (tmp_path / name).mkdir()
        WRITERS[form](tmp_path / name, some_texts(200, seed))
    run(folder, "add", "mine", str(tmp_path / "first"))
    told = run(folder, "add", "mine", str(tmp_path / "second"), "--append")
    assert "New: 205 texts" in told
    found = files_of(folder / "data/raw/mine")
    earlier = files_of(tmp_path / "first")
    assert {name: found[name] for name in earlier} == earlier
    assert sorted(map(str, found.values())) == sorted(
        map(str, [*earlier.values(), *files_of(tmp_path / "second").values()])
    )


def test_a_text_file_for_each_label(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for label in ("good", "bad"):
            lines = [f"{name} {label} {number}" for number in range(60)]
            (tmp_path / name / f"{label}.txt").write_text("\n".join(lines), encoding="utf-8")
    run(folder, "add", "mine", str(tmp_path / "first"))
    run(folder, "add", "mine", str(tmp_path / "second"), "--append")
    assert files_of(folder / "data/raw/mine") == {
        f"{label}{added}.txt": (None, label) for label in ("good", "bad") for added in ("", ".added_1")
    }


@pytest.mark.parametrize("first", ["names", "folders"])
@pytest.mark.parametrize("second", ["names", "folders"])
def test_ready_parts_in_the_way_of_those_there(tmp_path: Path, first: str, second: str) -> None:
    folder = project_without_data(tmp_path)
    for name, way in (("first", first), ("second", second)):
        for part, count in (("train", 200), ("test", 80)):
            path = tmp_path / name / (f"{part}.csv" if way == "names" else f"{part}/texts.csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_csv(path, some_texts(count, seed=count))
    run(folder, "add", "mine", str(tmp_path / "first"))
    run(folder, "add", "mine", str(tmp_path / "second"), "--append")
    parts = [part for part, _ in files_of(folder / "data/raw/mine").values()]
    assert sorted(map(str, parts)) == ["test", "test", "train", "train"]


# Nothing is changed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One with a dataset `mine` of 405 texts, split by a hash."""
    folder = project_without_data(tmp_path)
    write_csv(tmp_path / "texts.csv", some_texts(400))
    run(folder, "add", "mine", str(tmp_path / "texts.csv"))
    return folder


def test_a_dry_run(project: Path, tmp_path: Path) -> None:
    before = state(project)
    write_csv(tmp_path / "more.csv", some_texts(100, seed=1))
    told = run(project, "add", "mine", str(tmp_path / "more.csv"), "--append", "--dry-run")
    assert "New: 105 texts" in told
    assert told.endswith("Nothing is changed: --dry-run.\n")
    told = run(project, "add", "other", str(tmp_path / "texts.csv"), "--dry-run")
    assert "all 3 labels" in told
    assert "datasets:\n  other:" in told
    assert told.endswith("Nothing is changed: --dry-run.\n")
    assert state(project) == before
    real = run(project, "add", "other", str(tmp_path / "texts.csv"))
    assert real.startswith(told[: told.index("\nparams.yaml would have")].rstrip())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("other", "texts.csv"), "params.yaml: no dataset 'other'"),
        (("imdb", "texts.csv"), "imdb: expected a dataset that `bagpipe add` has added; found one of Keras"),
        (("mine", "jsonl"), "expected files of the format csv, as mine has; found jsonl"),
        (
            ("mine", "parts"),
            "expected texts of no split, as mine is split by a hash of the words; --parts none takes",
        ),
        (("mine", "one"), "expected texts of each label in training and test, found too few of 'rare' (1)"),
        (("mine", "joined"), "found what looks like several in 'sport,weather' (5 texts)"),
        (("mine", "project/data/raw/mine"), "expected a folder of texts, found one that this project is in"),
    ],
)
def test_what_cannot_be_appended(project: Path, tmp_path: Path, arguments: tuple[str, str], said: str) -> None:
    for name in ("jsonl", "parts", "one", "joined"):
        (tmp_path / name).mkdir()
    WRITERS["jsonl"](tmp_path / "jsonl", some_texts(20))
    for part in ("train", "test"):
        write_csv(tmp_path / "parts" / f"{part}.csv", some_texts(20))
    write_csv(tmp_path / "one" / "texts.csv", [("only this", "rare", "")])
    write_csv(tmp_path / "joined" / "texts.csv", [(f"both {number}", "sport,weather", "") for number in range(5)])
    before = state(project)
    name, source = arguments
    assert said in refused(project, "add", name, str(tmp_path / source), "--append")
    assert state(project) == before


def test_other_features_of_its_texts(project: Path, tmp_path: Path) -> None:
    def pairs(content: dict) -> None:
        content["datasets"]["mine_pairs"] = {"texts": "mine", "num_words": 500, "ngrams": 2}
        content["defaults"]["mine_pairs"] = {**content["defaults"]["mine"]}
        del content["defaults"]["mine_pairs"]["reference"]

    edit_yaml(project / "params.yaml", pairs)
    for name, said in (("mine_pairs", "`bagpipe add mine ... --append`"), ("imdb_pairs", "found one of Keras")):
        assert said in refused(project, "add", name, str(tmp_path / "texts.csv"), "--append")


def test_a_test_set_of_its_own_wants_parts(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    for part in ("train", "test"):
        (tmp_path / "texts" / part).mkdir(parents=True)
        write_folders(tmp_path / "texts" / part, some_texts(90))
    run(folder, "add", "mine", str(tmp_path / "texts"))
    write_folders(tmp_path / "more", some_texts(20))
    said = refused(folder, "add", "mine", str(tmp_path / "more"), "--append")
    assert "expected names that tell the split, as mine has a test set of its own" in said


def test_a_file_that_would_be_taken_for_another(tmp_path: Path) -> None:
    alone, beside = TextFile(tmp_path / "a.csv", None), TextFile(tmp_path / "a.csv", "train")
    check_taken_for("mine", tmp_path, [alone], [alone])
    with pytest.raises(UserError, match=f"^{tmp_path}/a.csv: expected the split and label that it has by itself"):
        check_taken_for("mine", tmp_path, [alone], [beside])


def test_places_are_those_of_files_that_are_there(project: Path, tmp_path: Path) -> None:
    """Also of texts that are written anew, as the dataset's own were."""
    lines = [json.dumps({"text": text, "label": label}) for text, label, _ in some_texts(200)]
    lines.append(json.dumps({"text": "no label", "label": None}))
    path, options = tmp_path / "texts.jsonl", ("--skip-unlabelled",)
    path.write_text("\n".join(lines), encoding="utf-8")
    run(project, "add", "other", str(path), *options)
    path.write_text("\n".join([*lines, json.dumps({"text": "!", "label": "sport"})]), encoding="utf-8")
    told = " ".join(run(project, "add", "other", str(path), *options, "--append").split())
    (found,) = re.findall(r"Left out: 1 text without a word, at (\S+): line (\d+)", told)
    line = (project / found[0]).read_text(encoding="utf-8").splitlines()[int(found[1]) - 1]
    assert json.loads(line)["text"] == "!"


def test_more_texts_to_validate_with(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    for part, count in (("train", 200), ("validation", 60), ("test", 90)):
        (tmp_path / "texts").mkdir(exist_ok=True)
        write_csv(tmp_path / "texts" / f"{part}.csv", some_texts(count, seed=count))
    run(folder, "add", "mine", str(tmp_path / "texts"))
    told = run(folder, "add", "mine", str(tmp_path / "texts"), "--append")
    assert "set holdout of defaults.mine to 130" in " ".join(told.split())


def test_settings_stay_as_they_are(project: Path, tmp_path: Path) -> None:
    options = ("--append", "--text", "review", "--num-words", "99")
    done = bagpipe(project, "add", "mine", str(tmp_path / "texts.csv"), *options, capture_output=True)
    assert done.returncode == 2
    assert "--text, --num-words: expected none with --append" in done.stderr


def test_a_failure_at_the_end_leaves_the_dataset(project: Path, tmp_path: Path) -> None:
    """DVC cannot write to its cache."""
    before = state(project)
    (project / ".dvc" / "config.local").write_text("[cache]\n    dir = /dev/null/cache\n", encoding="utf-8")
    write_csv(tmp_path / "more.csv", some_texts(100, seed=1))
    for move in ([], ["--move"]):
        done = bagpipe(project, "add", "mine", str(tmp_path / "more.csv"), "--append", *move, capture_output=True)
        assert done.returncode == 1
        assert (tmp_path / "more.csv").exists()
    (project / ".dvc" / "config.local").unlink()
    assert state(project) == before
