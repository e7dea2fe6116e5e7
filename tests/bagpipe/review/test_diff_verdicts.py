"""The verdicts of `bagpipe diff`, against scipy: what is better or worse, and what is marked."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diff_project import (
    HIGHER_ACCURACY,
    HIGHER_LOSS,
    NEARLY_OLD_ACCURACY,
    OLD_ACCURACY,
    OLD_LOSS,
    Project,
    cells,
    content,
    diff,
    make_project,
    metric,
    table,
    verdict,
)
from made_up_answers import TEXTS
from scipy import stats


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("COLUMNS", "200")
    return make_project(tmp_path / "project", monkeypatch)


def runs(mean: float, sd: float, n: int, seed: int = 0) -> list[float]:
    """Figures with just this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    return (mean + sd * (values - values.mean()) / values.std(ddof=1)).round(8).tolist()


# Test accuracies


def in_steps(values: list[float]) -> list[float]:
    """Accuracies that runs may have on so many texts."""
    return [round(value * TEXTS) / TEXTS for value in values]


def check_statistics(row: dict[str, Any], on_test_set: tuple[float, float]) -> None:
    """Check the intervals and p of a verdict against each other, and against what scipy says of the seeds alone."""
    here = [row["on_test_set_low"], row["on_test_set_high"]]
    assert here == pytest.approx(on_test_set, abs=2e-5)
    assert row["low"] < here[0] + 1e-6
    assert row["high"] > here[1] - 1e-6
    assert row["low"] + row["high"] == pytest.approx(2 * row["mean_difference"], abs=3e-6)
    assert (row["p_adjusted"] < 0.05) == (row["low"] > 0 or row["high"] < 0)
    assert row["p"] <= row["p_adjusted"] <= 1
    assert row["mean_new"] - row["mean_old"] == pytest.approx(row["mean_difference"], abs=2e-6)
    assert row["texts"] == TEXTS


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (OLD_ACCURACY, HIGHER_ACCURACY, "better"),
        (HIGHER_ACCURACY, OLD_ACCURACY, "worse"),
        (OLD_ACCURACY, NEARLY_OLD_ACCURACY, "not distinguished"),
        (OLD_ACCURACY, [0.70, 0.71], "worse"),
        (runs(0.8, 0.01, 12), HIGHER_ACCURACY, "better"),
        (runs(0.8, 0.0001, 9), runs(0.801, 0.0001, 9, seed=1), "negligible"),
        (runs(0.8, 0.001, 9), runs(0.8002, 0.001, 9, seed=1), "equivalent"),
    ],
)
def test_accuracies_are_compared_by_welch_with_fewer_than_ten_common_seeds(
    project: Project, old: list[float], new: list[float], expected: str
) -> None:
    for accuracies in (old, new):
        project.replicates("one", accuracies)
        project.commit()
    row = verdict("one", "HEAD~1")
    test = stats.ttest_ind(in_steps(new), in_steps(old), equal_var=False)
    assert (row["verdict"], row["n"], row["paired"]) == (expected, [len(old), len(new)], False)
    check_statistics(row, test.confidence_interval(0.95))
    assert row["p_adjusted"] == row["p"]
    assert [row["mean_old"], row["mean_new"]] == pytest.approx([np.mean(old), np.mean(new)], abs=5e-6)
    p = "<0.001" if row["p"] < 0.001 else f"{row['p']:.3f}"
    means = f"{100 * row['mean_old']:.2f} → {100 * row['mean_new']:.2f}"
    bounds = [f"{100 * row[f'{kind}low']:+.2f} to {100 * row[f'{kind}high']:+.2f}" for kind in ("", "on_test_set_")]
    difference = f"{100 * row['mean_difference']:+.2f}"
    assert cells("one", "HEAD~1") == ["one", expected, means, difference, bounds[0], p, bounds[1]]
    assert f"as independent runs, n {len(old)} and {len(new)}" in " ".join(diff("HEAD~1").stdout.split())


@pytest.mark.parametrize(
    ("shift", "sd", "expected"),
    [(0.01, 0.001, "better"), (-0.01, 0.001, "worse"), (0.001, 0.0005, "negligible"), (0.0005, 0.003, "equivalent")],
)
def test_accuracies_are_compared_seed_by_seed_from_ten_common_seeds_on(
    project: Project, shift: float, sd: float, expected: str
) -> None:
    old = runs(0.8, 0.03, 12)
    new = [value + change for value, change in zip(old, runs(shift, sd, 12, seed=1), strict=True)]
    project.replicates("one", old)
    project.commit()
    project.replicates("one", [*new, 0.1])  # a seed of one side only
    project.write()
    row = verdict("one")
    test = stats.ttest_rel(in_steps(new), in_steps(old))
    assert (row["verdict"], row["n"], row["paired"]) == (expected, [12, 12], True)
    check_statistics(row, test.confidence_interval(0.95))
    assert "seed by seed, n 12" in " ".join(diff().stdout.split())


def test_p_is_adjusted_over_the_models_of_the_dataset_whose_replicates_differ(project: Project) -> None:
    """By Holm: the smallest p times their number, the next times one less; a model of other texts has no part."""
    for name in ("four", "five"):
        project.params["models"][name] = {"dataset": "films", "hidden": [1]}
        project.add_model(name, "films")
    project.commit()
    new = {"one": runs(0.8217, 0.01, 5), "two": runs(0.8213, 0.01, 5), "four": runs(0.8301, 0.01, 5)}
    for name, accuracies in new.items():
        project.replicates(name, accuracies)
    project.commit()
    found = {row["model"]: row for row in content("HEAD~1")["verdicts"]}
    assert found.keys() == new.keys()
    smallest, middle, largest = sorted(row["p"] for row in found.values())
    assert middle < 0.05 < 2 * middle
    expected = {smallest: 3 * smallest, middle: 2 * middle, largest: max(2 * middle, largest)}
    for row in found.values():
        assert row["p_adjusted"] == pytest.approx(expected[row["p"]], rel=1e-6)
        assert (row["verdict"] == "better") == (row["p_adjusted"] < 0.05) == (row["low"] > 0)
    assert {row["verdict"] for row in found.values()} == {"better", "not distinguished"}
    note = "it and the interval are corrected for all models of the dataset (Holm)"
    assert note in " ".join(diff("HEAD~1").stdout.split())

    project.replicates("three", runs(0.8215, 0.01, 5))  # of wires
    project.commit()
    with_another = {row["model"]: row for row in content("HEAD~2")["verdicts"]}
    alone = with_another.pop("three")
    assert with_another == found
    assert (alone["verdict"], alone["p_adjusted"]) == ("better", alone["p"])


def test_no_model_is_taken_to_vary_less_than_those_of_its_dataset_do_on_the_median(project: Project) -> None:
    """Five runs that by chance hardly stray would otherwise make any difference certain."""
    near = [value + 0.004 for value in runs(0.8, 0.0001, 5)]
    project.params["models"]["four"] = {"dataset": "films", "hidden": [1]}
    project.add_model("four", "films")
    project.replicates("one", runs(0.8, 0.0001, 5, seed=1))
    project.commit()
    project.replicates("one", near)
    project.commit()
    assert verdict("one", "HEAD~1")["verdict"] == "better"
    for name in ("two", "four"):
        project.replicates(name, runs(0.81, 0.012, 5, seed=2))
    project.commit()
    row = verdict("one", "HEAD~2")
    assert row["verdict"] == "not distinguished"
    assert row["on_test_set_low"] > 0


def test_the_margins_are_those_of_the_old_side(project: Project) -> None:
    """A branch that could widen them would decide what is negligible in itself."""
    project.params["verdicts"]["negligible"] = 0.1
    project.replicates("one", HIGHER_ACCURACY)
    project.commit()
    assert verdict("one", "HEAD~1")["verdict"] == "better"
    assert verdict("one", "HEAD", "HEAD~1")["verdict"] == "negligible"


def test_without_margins_on_the_old_side_those_of_the_new_one_or_of_the_workspace_count(project: Project) -> None:
    limits = project.params.pop("verdicts")
    project.commit()
    project.replicates("one", HIGHER_ACCURACY)
    project.commit()
    done = diff("HEAD~1", "HEAD")
    assert done.exit_code == 1
    assert re.fullmatch(r"error: params\.yaml: .*verdicts.*\n", done.stderr)
    project.params["verdicts"] = {**limits, "negligible": 0.1}
    project.write()
    assert verdict("one", "HEAD~1", "HEAD")["verdict"] == "negligible"
    assert verdict("one", "HEAD~1")["verdict"] == "negligible"


def test_the_same_runs_of_another_program_are_said_to_be_that(project: Project) -> None:
    project.code["stages/common/network/layers.py"] = "# said otherwise\n"
    project.write()
    assert {row["model"]: row["verdict"] for row in content()["verdicts"]} == dict.fromkeys(
        project.params["models"], "the same runs"
    )
    assert cells("one") == ["one", "the same runs", "80.40 → 80.40"]
    assert diff("--fail-on", "worse").exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(False, True, "worse"), (True, False, "better"), (True, True, "not distinguished")],
)
def test_runs_that_diverged_are_worse(project: Project, before: bool, after: bool, expected: str) -> None:
    nan = math.nan
    for lost, accuracy in ((before, OLD_ACCURACY), (after, HIGHER_ACCURACY)):
        project.reports["models/one/metrics.json"]["test"]["loss"] = nan if lost else 0.5
        project.replicates("one", accuracy, [nan, *OLD_LOSS[1:]] if lost else OLD_LOSS)
        project.commit()
    assert verdict("one", "HEAD~1")["verdict"] == expected
    assert cells("one", "HEAD~1") == ["one", expected, "diverged"]
    if before != after:
        row = metric("one", "test.loss", "HEAD~1")
        assert row["verdict"] == ("diverged" if after else "diverged before")
        assert (row["old"], row["new"]) == ((0.5, "NaN") if after else ("NaN", 0.5))
    done = diff("HEAD~1", "--fail-on", "worse")
    assert done.exit_code == (expected == "worse")


def test_runs_that_did_not_vary_are_judged_without_a_warning(project: Project) -> None:
    project.replicates("one", accuracy=[0.5] * 5)
    project.write()
    assert verdict("one")["verdict"] == "worse"


def test_columns_with_dots_as_they_were_once_are_read(project: Project) -> None:
    project.reports["models/one/replicates.csv"] = table(**{"test.loss": OLD_LOSS, "test.accuracy": OLD_ACCURACY})
    project.commit()
    project.replicates("one", accuracy=HIGHER_ACCURACY)
    project.write()
    assert verdict("one")["verdict"] == "better"


# Other figures


def test_losses_and_validation_figures_are_marked_together_and_fail_nothing(project: Project) -> None:
    new = {"one": HIGHER_LOSS, "two": runs(0.517, 0.01, 5), "three": runs(0.5001, 0.01, 5)}
    for name, losses in new.items():
        project.reports[f"models/{name}/replicates.csv"] = table(
            test_loss=losses, test_accuracy=OLD_ACCURACY, validation_val_loss=OLD_LOSS
        )
        project.reports[f"models/{name}/validation.json"]["val_loss"] = 0.41
    project.write()
    p = {name: stats.ttest_ind(losses, OLD_LOSS, equal_var=False).pvalue for name, losses in new.items()}
    for name, adjusted in zip(p, stats.false_discovery_control(list(p.values())), strict=True):
        row = metric(name, "test.loss")
        assert row["p"] == pytest.approx(p[name], rel=1e-6)
        assert row["p_adjusted"] == pytest.approx(adjusted, rel=1e-6)
        assert row["verdict"] == ("higher" if adjusted < 0.05 else "not distinguished")
        assert metric(name, "validation.val_loss")["verdict"] == "the same runs"
    assert {metric(name, "test.loss")["verdict"] for name in new} == {"higher", "not distinguished"}
    text = diff().stdout
    assert re.search(r"^one +test\.loss +0\.5 +0\.5 +\+0\.00000 +\+0\.10000 +higher\*$", text, re.MULTILINE)
    assert re.search(r"^three +test\.loss +0\.5 +0\.5 +\+0\.00000 +[+-]0\.\d+$", text, re.MULTILINE)
    assert {row["verdict"] for row in content()["verdicts"]} == {"the same runs"}
    assert diff("--fail-on", "worse").exit_code == 0


def test_what_is_no_accuracy_or_loss_of_a_model_is_not_judged(project: Project) -> None:
    project.reports["models/one/metrics.json"]["test"]["macro_f1"] = 0.5
    project.reports["models/one/validation.json"]["best_epoch"] = 9
    project.reports["datasets/films/baselines.json"] = {"naive_bayes": {"accuracy": 0.5}}
    project.commit()
    project.reports["datasets/films/baselines.json"] = {"naive_bayes": {"accuracy": 0.6}}
    project.write()
    rows = content("HEAD~1")["metrics"]
    assert [row["figure"] for row in rows] == [
        "baselines.naive_bayes.accuracy",
        "test.macro_f1",
        "validation.best_epoch",
    ]
    assert not any("p" in row or row.get("verdict", "added") != "added" for row in rows)
    assert "verdict" not in metric("films", "baselines.naive_bayes.accuracy")


def test_figures_under_one_seed_prove_nothing(project: Project) -> None:
    project.reports["models/one/metrics.json"]["test"]["accuracy"] = 0.2
    project.write()
    assert verdict("one")["verdict"] == "the same runs"
    assert (metric("one", "test.accuracy")["difference"], diff("--fail-on", "worse").exit_code) == (-0.6, 0)


# What fails


@pytest.mark.parametrize(
    ("accuracy", "arguments", "expected"),
    [
        (HIGHER_ACCURACY, (), 0),
        (HIGHER_ACCURACY, ("HEAD", "HEAD~1"), 1),  # the other way round
        (NEARLY_OLD_ACCURACY, (), 0),
    ],
)
def test_it_fails_on_request_if_a_test_accuracy_got_worse(
    project: Project, accuracy: list[float], arguments: tuple[str, ...], expected: int
) -> None:
    project.reports["models/two/metrics.json"]["test"]["accuracy"] = 0.75
    project.replicates("two", accuracy, loss=HIGHER_LOSS)
    project.commit()
    arguments = arguments or ("HEAD~1", "HEAD")
    assert diff(*arguments).exit_code == 0
    done = diff(*arguments, "--fail-on", "worse")
    assert done.exit_code == expected
    assert done.stdout == diff(*arguments).stdout
    assert done.stderr == ("error: test accuracy is worse: two\n" if expected else "")


def test_a_commit_cannot_hide_a_file(project: Project) -> None:
    """As it could from `git archive`."""
    project.put(".gitattributes", "reports/models/one/* export-ignore\nstages/common/* export-ignore\n")
    project.replicates("one", [0.5, 0.51, 0.5, 0.52, 0.5])
    project.commit()
    assert verdict("one", "HEAD~1", "HEAD")["verdict"] == "worse"
    assert diff("HEAD~1", "HEAD", "--fail-on", "worse").exit_code == 1
