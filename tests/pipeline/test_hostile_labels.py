"""Labels that matplotlib would read as mathematics, or has no letters for."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from stages.common.basics.params.sections import Plots
from stages.common.drawing.figures import figure, plain
from stages.render import draw_confusion
from stages.report.pictures import draw_classes

LABELS = [r"$\frac", r"$\frac$", "$5 and $6", "$", "$$", r"\$", r"$\$", r"a\\$b$", "100 % & 5 #", "_x^y", r"\alpha"]
PLOTS = Plots(width=5, height=3.6, dpi=50)


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_shown_as_it_is(label: str) -> None:
    assert Text()._preprocess_math(plain(label)) == (label, False)


def test_what_the_font_lacks_is_spelled_out() -> None:
    assert plain("Ärger, Дача & ½") == "Ärger, Дача & ½"
    assert plain("好评 👍") == r"\u597d\u8bc4 \U0001f44d"


@pytest.mark.filterwarnings("error")
def test_every_label_can_be_drawn(tmp_path: Path) -> None:
    labels = [*LABELS, "好评 👍"]
    with figure(tmp_path / "confusion.png", PLOTS) as [axes]:
        draw_confusion(axes, np.eye(len(labels), dtype=np.int64), labels, "imdb")
    lines = [{"class": label, "train": "5", "test": "3"} for label in labels]
    with figure(tmp_path / "classes.png", PLOTS) as [axes]:
        draw_classes(axes, "imdb", lines)
    assert len(list(tmp_path.glob("*.png"))) == 2
