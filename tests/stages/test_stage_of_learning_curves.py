"""The stage that holds published curves against runs of ours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editing import edit_yaml

from stages.common.basics.artifacts import Table, read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.params.sections import LearningCurves
from stages.common.judging.learning_curves import Point
from stages.learning_curves import compare, learning_curves, tried_variants


def lines_of(folder: Path, **wanted: str) -> Table:
    table = read_csv(folder / "reports/models/imdb/learning_curves.csv")
    return [line for line in table if all(line[key] == value for key, value in wanted.items())]


def column_of(lines: Table, name: str) -> list[float]:
    return [float(line[name]) for line in lines]


def test_each_run_and_variant_has_its_figures(scratch: Path) -> None:
    content = read_json(scratch / "reports/models/imdb/learning_curves.json")
    assert content.keys() == {"validation", "final"}
    for run, points in (("validation", 16), ("final", 8)):
        found = content[run]
        assert (found["notebook"], found["n"], found["points"]) == ("A", 2, points)
        assert list(found["variants"]) == ["today", "optimizer", "progress_bar", "both"]
        for variant, judged in found["variants"].items():
            assert judged["p"] in (0.333333, 0.666667, 1.0)
            lines = lines_of(scratch, run=run, variant=variant)
            assert len(lines) == points
            means = np.array(column_of(lines, "mean"))
            assert (np.array(column_of(lines, "lowest")) <= means).all()
            assert (means <= np.array(column_of(lines, "highest"))).all()
            farthest = judged["farthest"]
            (line,) = lines_of(
                scratch, run=run, variant=variant, epoch=str(farthest["epoch"]), column=farthest["column"]
            )
            assert (float(line["published"]), float(line["mean"])) == (farthest["published"], farthest["mean"])


def test_runs_of_today_are_those_of_replicate(scratch: Path) -> None:
    replicates = read_csv(scratch / "reports/models/imdb/replicates.csv")
    last = lines_of(scratch, run="validation", variant="today", epoch="4", column="val_accuracy")
    expected = [round(value, 4) for value in column_of(replicates, "validation_last_val_accuracy")]
    assert sorted(expected) == [float(last[0]["lowest"]), float(last[0]["highest"])]


def test_a_progress_bar_touches_training_figures_and_an_optimizer_all(scratch: Path) -> None:
    def means(variant: str, prefix: str) -> list[float]:
        lines = lines_of(scratch, run="validation", variant=variant)
        return [float(line["mean"]) for line in lines if line["column"].startswith("val_") == (prefix == "val_")]

    for one, other in (("today", "progress_bar"), ("optimizer", "both")):
        assert means(one, "val_") == means(other, "val_")
        assert means(one, "") != means(other, "")
    assert means("today", "val_") != means("optimizer", "val_")


def test_a_model_without_published_curves_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    name = "reuters_integer_labels"

    def add(content: Any) -> None:
        content["learning_curves"][name] = {"dataset": "reuters", "n": 2}

    edit_yaml(copy / "params.yaml", add)
    with pytest.raises(UserError, match=f"^published_curves.csv: expected lines of {name}, as params.yaml has"):
        learning_curves(load_params(), name)


def test_only_points_that_both_have_are_compared() -> None:
    known = {"notebook": "A", "model": "imdb", "run": "final", "value": "0.50"}
    points = [Point(**known, epoch=epoch, column=column) for epoch in (1, 2, 3) for column in ("loss", "val_loss")]
    histories = [{"loss": [0.504, 0.6]}, {"loss": [0.496, 0.7]}]
    found = compare(points, histories)
    assert [(point.epoch, point.column) for point in found.points] == [(1, "loss"), (2, "loss")]
    np.testing.assert_array_equal(found.ours, [[0.5, 0.6], [0.5, 0.7]])
    with pytest.raises(UserError, match="expected a figure of the final run of imdb that ours has"):
        compare(points[1::2], histories)


@pytest.mark.parametrize(("optimizer", "expected"), [("rmsprop", ["today", "optimizer"]), ("adam", ["today"])])
def test_the_old_optimizer_takes_the_place_of_rmsprop_alone(optimizer: str, expected: list[str]) -> None:
    assert tried_variants(LearningCurves(dataset="imdb", n=2, old_optimizer=True), optimizer) == expected
