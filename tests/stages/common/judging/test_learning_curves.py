"""A published run as a whole against ours: by hand, and where the truth is known; and what is no such table."""

from pathlib import Path

import numpy as np
import pytest

from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.learning_curves import PUBLISHED_CURVES, judge_run, read_published_curves

HEADER = "notebook,model,run,epoch,column,value\n"
N, POINTS, SIMULATED = 20, 30, 1_000
FINE = np.full(POINTS, 0.5e-9)  # half a unit of figures of nine digits


def test_a_case_computed_by_hand() -> None:
    """Of 3 and 0, the others' mean is two deviations away; of 1 and 2, less than half a one."""
    found = judge_run(np.array([3.0]), np.array([[0.0], [1.0], [2.0]]), np.array([0.05]))
    assert found == (0.5, 0, 2.0)


def test_the_farthest_point_is_named() -> None:
    ours = np.array([[0.0, 5.0], [1.0, 5.2], [2.0, 5.4]])
    found = judge_run(np.array([1.0, 9.0]), ours, np.array([0.05, 0.05]))
    assert (found.p, found.farthest) == (0.25, 1)
    assert found.distance == pytest.approx((9 - 5.2) / 0.2)


def test_a_run_like_all_others_is_like_them_and_rounding_alone_is_no_distance() -> None:
    ours, half_units = np.full((N, 2), 0.5), np.full(2, 0.00005)
    assert judge_run(ours[0], ours, half_units) == (1.0, 0, 0.0)
    one_unit_off = judge_run(np.array([0.5, 0.5001]), ours, half_units)
    assert one_unit_off.farthest == 1
    assert one_unit_off.distance == pytest.approx(2 * np.sqrt(3))  # not infinite


def draw_runs(random: np.random.Generator, kind: str) -> np.ndarray:
    """N + 1 exchangeable runs: float64, shape (N + 1, POINTS)."""
    noise = random.standard_normal((N + 1, POINTS))
    if kind == "skewed":
        return np.exp(2 * noise)
    if kind == "hanging together":
        return noise.cumsum(axis=1)
    if kind == "of few values":
        return noise.round()
    if kind == "straying":
        return random.standard_t(2, (N + 1, POINTS))
    return noise


@pytest.mark.parametrize("kind", ["normal", "skewed", "straying", "hanging together", "of few values"])
def test_of_exchangeable_runs_one_in_twenty_differs_at_most(kind: str) -> None:
    random = np.random.default_rng(5)
    runs = (draw_runs(random, kind) for _ in range(SIMULATED))
    alarms = np.mean([judge_run(published, ours, FINE).p <= 0.05 for published, *ours in runs])
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATED)
    assert alarms > 0.01


def test_a_shift_of_one_point_is_found() -> None:
    random = np.random.default_rng(6)
    for _ in range(50):
        published, *ours = draw_runs(random, "normal")
        published[7] += 12
        found = judge_run(published, np.array(ours), FINE)
        assert (found.p, found.farthest) == (1 / (N + 1), 7)


# The table


def test_the_committed_table_has_the_runs_of_params_yaml() -> None:
    models = load_params(ROOT / PARAMS_FILE).learning_curves
    runs = {model: read_published_curves(model, ROOT / PUBLISHED_CURVES) for model in models}
    assert sum(len(points) for found in runs.values() for points in found.values()) == 378
    assert {model: set(found) for model, found in runs.items() if len(found) == 1} == {
        "reuters_bottleneck": {"validation"}
    }
    first = runs["imdb"]["validation"][0]
    assert (first.epoch, first.column, first.value, first.number, first.digits) == (1, "loss", "0.5616", 0.5616, 4)
    assert first.as_printed(0.56155) == 0.5615  # as Python formats it


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("A,imdb,validation,1,loss,high\n", "published_curves.csv:2: value: expected text of the form"),
        ("A,imdb,validation,1,loss,0.5\nA,imdb,first,1,loss,0.5\n", "published_curves.csv:3: run: expected"),
        ("A,imdb,final,0,loss,0.5\n", "published_curves.csv:2: epoch: expected"),
        ("A,imdb,final,1,loss\n", "published_curves.csv:2: value: expected"),
        ("A,imdb,final,1,loss,0.5,0.6\n", "published_curves.csv:2: a further value: unknown key"),
        (
            "A,imdb,final,1,loss,0.5\n" * 2,
            "published_curves.csv:3: expected each point once; found imdb final 1 loss",
        ),
        ("A,reuters,final,1,loss,0.5\n", "published_curves.csv: expected lines of imdb, as params.yaml has"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / PUBLISHED_CURVES
    path.write_text(HEADER + lines, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_published_curves("imdb", path)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(said)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_missing_or_none_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / PUBLISHED_CURVES
    with pytest.raises(UserError, match="no such file"):
        read_published_curves("imdb", path)
    path.write_bytes(b"notebook,model\n\xff\xfe\n")
    with pytest.raises(UserError, match="expected a table with commas, in UTF-8"):
        read_published_curves("imdb", path)
