"""How every figure looks: the same colour for the same thing, and the same bytes for the same numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window, on any machine
import matplotlib.pyplot as plt
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

from stages.common.basics.artifacts import new_file
from stages.common.basics.params.sections import Plots

# Okabe and Ito's colours, told apart by colour-blind readers too
TRAINING, VALIDATION, TEST = "#0072B2", "#D55E00", "#009E73"
PUBLISHED, BASELINE, REFERENCE = "#CC79A7", "#E69F00", "#999999"

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def plain(text: str) -> str:
    r"""A text for matplotlib that it shows as it is: between two dollars it would read mathematics.

    What its font lacks, as Chinese, is written as in `\u8bc4`: else boxes would stand there, each like the other. A
    font of this machine would be other bytes on another one.
    """
    shown = (sign if ord(sign) in _letters() else sign.encode("unicode_escape").decode() for sign in text)
    return "".join(shown).replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """The characters of the font that comes with matplotlib."""
    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())


@contextmanager
def figure(
    path: Path, plots: Plots, width: float = 1, height: float = 1, panels: int = 1, heights: Sequence[float] = ()
) -> Iterator[list[Axes]]:
    """Yield axes to draw on, row by row; write them to `path` as PNG when the block succeeds.

    Args:
        width, height: of each panel, in units of the size that params.yaml gives.
        panels: side by side.
        heights: of several rows of them, instead of one.
    """
    heights = heights or [height]
    size = (plots.width * width * panels, plots.height * sum(heights))
    with style.context(["default", STYLE]):  # "default": whatever a user's matplotlibrc says
        drawing = plt.figure(figsize=size, dpi=plots.dpi, layout="constrained")
        axes = drawing.subplots(len(heights), panels, squeeze=False, height_ratios=heights)
        yield list(axes.ravel())
        with new_file(path) as partial:
            drawing.savefig(partial, format="png", metadata={"Software": None})
        plt.close(drawing)
