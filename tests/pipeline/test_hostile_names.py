"""Names of params.yaml that are commands, paths or options: no shell reads them, nothing runs, nothing is deleted."""

from pathlib import Path
from typing import Any

import pytest
from commands import dvc
from dvc.repo import Repo
from editing import edit_yaml
from pydantic import ValidationError

from bagpipe.scratch.copies import ROOT, copy_project
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence, read_yaml

COMMANDS = [
    *("x; touch PWNED #", "$(touch PWNED)", "`touch PWNED`", "&touch PWNED"),
    *("x' || touch PWNED '", 'x" && touch PWNED "'),
]
PATHS = ["../../precious", "../precious", "/tmp", "a/b", ".", "..", "~", ".hidden", "C:"]
OTHERS = ["-rf", "--help", "a b", "a\nb", "a\n", "", "Ä", "ß", "a\x00b", "a\ud800", "x@y", "x:y", "${x}", "a" * 61]
FILES = [
    *("../../x/settings.json", "/tmp/settings.json", "a/b.json", "a\\b.json", "..json/.json", ".json", "a\n.json"),
    *("-o.json", "a b.json", "$(touch PWNED).json", "http:.json", "a" * 200 + ".json"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The pipeline without data; what `train` of a model of IMDB reads is there."""
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(folder)
    for name in ("data/vectorized/imdb/labels.json", "precious/thesis.txt"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("[]", encoding="utf-8")
    return folder


def add_model(folder: Path, name: str) -> None:
    edit_yaml(folder / PARAMS_FILE, lambda content: content["models"].update({name: dict(content["models"]["imdb"])}))


def complaint(content: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Params.model_validate(content)
    return first_sentence(caught.value)


@pytest.mark.parametrize("section", ["models", "datasets", "defaults", "official", "terms", "libraries"])
def test_no_such_name_is_valid(section: str) -> None:
    content = read_yaml(ROOT / PARAMS_FILE)
    for name in (*COMMANDS, *PATHS, *OTHERS):
        some = next(iter(content[section].values()))
        said = complaint({**content, section: {**content[section], name: some}})
        assert said.startswith(f"{section}."), name
        assert "expected" in said
        assert said.isprintable()


@pytest.mark.parametrize("name", FILES)
def test_an_official_file_has_the_name_of_a_file(name: str) -> None:
    content = read_yaml(ROOT / PARAMS_FILE)
    files = content["official"]["imdb"]
    files[name] = files.pop("imdb_word_index.json")
    said = complaint(content)
    assert said.startswith("official.imdb.")
    assert said.isprintable()


def test_no_command_holds_a_name(project: Path) -> None:
    for name in COMMANDS:
        add_model(project, name)
    with Repo(str(project)) as repo:
        stages = {stage.name: stage.cmd for stage in repo.index.stages}
    assert all(f"train@{name}" in stages for name in COMMANDS)
    assert set(stages.values()) == {'python -m stages "$DVC_STAGE"'}


@pytest.mark.parametrize("name", COMMANDS)
def test_dvc_itself_runs_only_a_stage_that_refuses(project: Path, name: str) -> None:
    add_model(project, name)
    done = dvc(project, "repro", "--single-item", f"train@{name}", capture_output=True)
    assert done.returncode
    assert f"params.yaml: models.{name}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "PWNED").exists()
    assert not (project / "data/models").exists()


def test_dvc_itself_does_not_clear_the_way_for_results_outside_of_data(project: Path) -> None:
    """Before a stage runs, DVC removes its outputs. It does not come to that: those of two stages would be one."""
    add_model(project, "../../precious")
    done = dvc(project, "repro", "train@../../precious", capture_output=True)
    assert done.returncode
    assert "overlap" in done.stderr
    assert (project / "precious/thesis.txt").exists()


def test_a_stage_knows_itself_from_any_folder(project: Path) -> None:
    """Below the project's root DVC calls a stage ../dvc.yaml:train@imdb."""
    done = dvc(project / "data", "repro", "--single-item", "../dvc.yaml:train@imdb", capture_output=True)
    assert "train@imdb" in done.stdout
    assert "expected a stage" not in done.stderr
    assert "data/vectorized/imdb" in done.stderr  # which it has begun to read
