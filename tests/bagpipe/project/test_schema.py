"""The JSON schemas of params.yaml and published.yaml: what editors check is what the pipeline checks."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from dvc.utils.serialize import modify_yaml

from bagpipe.project.schema import SCHEMAS, format_schema, schema_file, schema_of
from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params, read_yaml

NAMES = sorted(SCHEMAS)


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = schema_of(SCHEMAS[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_schema_is_that_of_the_code(name: str) -> None:
    written = schema_file(name).read_text(encoding="utf-8")
    assert written == format_schema(schema_of(SCHEMAS[name])), "run `make lint`"


@pytest.mark.parametrize("name", NAMES)
def test_editors_are_told_of_it(name: str) -> None:
    first, *_ = (ROOT / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert first == f"# yaml-language-server: $schema={schema_file(name).relative_to(ROOT)}"


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_file_is_valid(name: str) -> None:
    assert list(validator(name).iter_errors(read_yaml(ROOT / f"{name}.yaml"))) == []


def test_an_experiment_keeps_the_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / path.name).read_bytes())
    with modify_yaml(path) as params:
        params["seed"] = 2
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: ")
    assert load_params(path).seed == 2


def changed(content: Any, key: str, value: Any) -> Any:
    *parents, last = key.split(".")
    section = content
    for part in parents:
        section = section[part]
    section[last] = value
    return content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", "one"),
        ("sed", 1),
        ("models", {}),
        ("models.imdb", {"dataset": "imdb"}),
        ("models.imdb.dropout", 1),
        ("models.imdb.class_weight", "inverse"),
        ("models.imdb.hidden", [16, 0]),
        ("models.imdb.loss", "hinge"),
        ("models.IMDB 2", {"dataset": "imdb", "hidden": [16]}),
        ("replicates.n", 1),
        ("datasets.imdb.format", "xml"),
        ("datasets.imdb.num_words", 4),
        ("datasets.reuters.labels", 46),
        ("datasets.reuters.test_split", 1.5),
        ("official.imdb", {"imdb.npz": {"sha256": "0" * 64, "bytes": 1}}),
        ("libraries.arrays", "numpy>=2"),
        ("download.retries", 1.5),
    ],
)
def test_what_the_pipeline_refuses_the_schema_refuses(tmp_path: Path, key: str, value: Any) -> None:
    content = changed(read_yaml(ROOT / "params.yaml"), key, value)
    assert list(validator("params").iter_errors(content)) != []
    path = tmp_path / "params.yaml"
    with modify_yaml(path) as written:
        written.update(content)
    with pytest.raises(UserError, match=re.escape(key.split(".")[0])):
        load_params(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("datasets.imdb.labels", ["negative", "positive"]),
        ("models.imdb.epochs", None),
        ("models.another", {"dataset": "imdb", "hidden": [8], "learning_rate": 1}),
    ],
)
def test_what_the_pipeline_takes_the_schema_takes(key: str, value: Any) -> None:
    assert list(validator("params").iter_errors(changed(read_yaml(ROOT / "params.yaml"), key, value))) == []


def test_a_value_without_quotes_in_what_is_published() -> None:
    content = read_yaml(ROOT / "published.yaml")
    content["published"][0]["value"] = 0.2948
    assert list(validator("published").iter_errors(content)) != []


def test_keys_are_described() -> None:
    sections = schema_of(SCHEMAS["params"])["$defs"]
    described = sections["TextDataset"]["properties"]["salt"]["description"]
    assert described == "Salt of the hash by which texts are split."
    assert "validate holds out" in sections["Model"]["properties"]["holdout"]["description"]
