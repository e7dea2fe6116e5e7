"""What is said of runs whose figures a notebook prints after each epoch, from made-up ones; and their picture."""

from pathlib import Path
from typing import Any

import pytest

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.learning_curves import Variant
from stages.common.judging.published import PUBLISHED_FILE, load_published
from stages.report.curve_pictures import draw_curves
from stages.report.curves import PublishedCurves, answer_curves, applicable_curves, curves_section, curves_table
from stages.report.tables import NO_BREAK

PARAMS = load_params(ROOT / PARAMS_FILE)
NOTEBOOKS = load_published(PARAMS, ROOT / PUBLISHED_FILE)
YES, NO = 0.5, 1 / 21
VARIANTS: list[Variant] = ["today", "optimizer", "progress_bar", "both"]


def curves(*ps: float, model: str = "reuters_holdout", **changes: Any) -> PublishedCurves:
    """A run with these p of the variants, in their order; its two epochs are all that there is."""
    p = dict(zip(VARIANTS, ps, strict=False))
    line = {"column": "loss", "published": "0.5", "mean": "0.45", "lowest": "0.4", "highest": "0.55"}
    table = [{"run": "final", "variant": variant, "epoch": str(epoch), **line} for variant in p for epoch in (1, 2)]
    return PublishedCurves(model, "final", "B", 20, 2, p, table)._replace(**changes)


B = "Notebook B's curves of `reuters_holdout`"
OPTIMIZER, BAR = "TensorFlow 2.4's optimizer", "TensorFlow 2.4's progress bar"
BOTH = "TensorFlow 2.4's optimizer and its progress bar"
ALONE = f"{B} come out with {BOTH}, with neither of them alone"
OF_ONE = "Epoch by epoch, of 1 published run, none agrees with ours."
OF_TWO = "Epoch by epoch, of 2 published runs"
EXPLAINED, EXPLAINED_TOO = curves(NO, NO, NO, 6 / 21), curves(NO, NO, NO, 14 / 21)
CASES: dict[str, tuple[list[PublishedCurves], str, str]] = {
    "one agrees": ([curves(YES)], "agrees", "Epoch by epoch the only published run agrees with ours."),
    "one of a model's two": (
        [curves(NO), curves(YES, run="validation")],
        "**differs**",
        f"{OF_TWO}, 1 agrees with ours. {B} (final run) do not come out.",
    ),
    "all agree": ([curves(YES, NO), curves(YES)], "agrees", "Epoch by epoch all published runs agree with ours."),
    "unexplained": ([curves(NO)], "**differs**", f"{OF_ONE} {B} do not come out."),
    "with both": (
        [EXPLAINED, curves(YES, model="reuters")],
        f"comes out with {BOTH}",
        f"{OF_TWO}, 1 agrees with ours. {ALONE} (p 0.286).",
    ),
    "two with both": (
        [EXPLAINED, EXPLAINED_TOO],
        f"comes out with {BOTH}",
        f"{OF_TWO}, none agrees with ours. {ALONE} (p 0.286 and 0.667).",
    ),
    "with the optimizer": (
        [curves(NO, YES, NO, YES)],
        f"comes out with {OPTIMIZER}",
        f"{OF_ONE} {B} come out with {OPTIMIZER} (p 0.500).",
    ),
    "with either": (
        [curves(NO, YES, YES, NO)],
        f"comes out with {OPTIMIZER}, or with {BAR}",
        f"{OF_ONE} {B} come out with {OPTIMIZER}, or with {BAR} (p 0.500).",
    ),
    "one unexplained": (
        [EXPLAINED, curves(NO, NO, NO, NO, model="reuters")],
        f"comes out with {BOTH}",
        f"{OF_TWO}, none agrees with ours. {ALONE} (p 0.286). Notebook B's curves of `reuters` do not come out.",
    ),
    "too few": ([curves(NO, n=18)], "too few seeds to tell", ""),
    "one of too few": (
        [curves(NO, n=18), curves(YES)],
        "too few seeds to tell",
        "Epoch by epoch the only published run agrees with ours.",
    ),
}


@pytest.mark.parametrize(("given", "verdict", "answer"), CASES.values(), ids=CASES)
def test_the_answer_follows_from_the_figures(given: list[PublishedCurves], verdict: str, answer: str) -> None:
    assert given[0].verdict == verdict
    assert answer_curves(given) == answer


def test_a_p_of_five_percent_still_differs() -> None:
    assert curves(0.05, n=19).verdict == "**differs**"
    assert curves(0.050001, n=19).verdict == "agrees"


def test_the_table_has_the_variants_that_were_tried() -> None:
    lines = curves_table([curves(YES), curves(NO, NO, NO, YES)]).replace(NO_BREAK, " ").splitlines()
    names = "p | p, old optimizer | p, old progress bar | p, both"
    assert lines[0] == f"| model | run | notebook | figures | seeds | {names} | verdict |"
    assert lines[2].endswith("| final | B | 2 | 20 | 0.500 |  |  |  | agrees |")
    assert lines[3].endswith(f"| 0.048 | 0.048 | 0.048 | 0.500 | comes out with {BOTH} |")
    assert ", old" not in curves_table([curves(YES)])


def test_the_section_is_empty_without_curves_and_explains_old_only_where_it_was_tried() -> None:
    assert curves_section([], "") == ""
    assert "Old is what" not in curves_section([curves(YES)], "")
    section = curves_section([curves(NO, NO, NO, YES)], "1 published run belongs elsewhere.")
    assert "Old is what TensorFlow 2.4 did." in section
    assert "1 published run belongs elsewhere." in section


def test_runs_of_other_settings_are_not_judged() -> None:
    runs = [curves(YES, run="validation"), curves(YES), curves(YES, model="imdb")]
    assert applicable_curves(runs, NOTEBOOKS, PARAMS) == (runs, "")
    longer = PARAMS.models["reuters_holdout"].model_copy(update={"epochs": 9})
    params = PARAMS.model_copy(update={"models": {**PARAMS.models, "reuters_holdout": longer}})
    kept, apart = applicable_curves(runs, NOTEBOOKS, params)
    assert kept == [runs[0], runs[2]]
    assert apart == (
        "1 published run belongs to other settings and is not judged epoch by epoch: "
        "`models.reuters_holdout.epochs` is 9 here and 8 there."
    )


def test_the_picture_is_the_same_each_time_and_shows_what_it_is_given(tmp_path: Path) -> None:
    both = curves(NO, NO, NO, YES)
    moved = both._replace(table=[{**line, "published": "0.52"} for line in both.table])
    drawn = []
    for place, given in enumerate(([both], [both], [moved], [curves(NO)], [both, curves(YES)], [])):
        path = tmp_path / f"{place}.png"
        draw_curves(path, PARAMS.plots, given)
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 5
