"""Whether the figures that the notebooks print after each epoch come out: in words, and as a table."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from stages.common.basics.artifacts import Table, read_csv, read_json
from stages.common.basics.markdown import format_p
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import ordered_models
from stages.common.basics.paths import HERE
from stages.common.judging.comparison import ALPHA
from stages.common.judging.learning_curves import VARIANTS, Run, Variant
from stages.common.judging.published import Notebooks, departures_of_run, join_departures
from stages.report.tables import link_model, page_table
from stages.report.words import count_with_verb, join_names

OLD: dict[Variant, str] = {
    "optimizer": "TensorFlow 2.4's optimizer",
    "progress_bar": "TensorFlow 2.4's progress bar",
    "both": "TensorFlow 2.4's optimizer and its progress bar",
}
RUNS: dict[Run, str] = {"validation": "validation", "final": "test"}  # and how published.yaml names their figures


class PublishedCurves(NamedTuple):
    """A published run beside ours.

    n, points: how many runs of ours there are, and figures of each; p: by variant, see judging/learning_curves.py.
    table: its lines of learning_curves.csv.
    """

    model: str
    run: Run
    notebook: str
    n: int
    points: int
    p: dict[Variant, float]
    table: Table

    @property
    def can_differ(self) -> bool:
        """Whether there are enough seeds for a p so low."""
        return 1 / (self.n + 1) <= ALPHA

    @property
    def agreeing(self) -> list[Variant]:
        """How runs of ours must come about to agree: the variants that do, without those that change more."""
        found = [variant for variant, p in self.p.items() if p > ALPHA]
        return [variant for variant in found if not any(_is_less(other, variant) for other in found)]

    @property
    def verdict(self) -> str:
        """`agrees`, or what it takes."""
        if not self.can_differ:
            return "too few seeds to tell"
        if self.agreeing == ["today"]:
            return "agrees"
        return f"comes out with {_name_variants(self.agreeing)}" if self.agreeing else "**differs**"


def _is_less(one: Variant, other: Variant) -> bool:
    """Whether a variant changes but a part of what another does."""
    pairs = zip(VARIANTS[one], VARIANTS[other], strict=True)
    return one != other and all(change <= other_change for change, other_change in pairs)


def _name_variants(variants: Iterable[Variant]) -> str:
    return ", or with ".join(OLD[variant] for variant in variants)


def read_curves(params: Params) -> list[PublishedCurves]:
    """The published runs of the models of params.yaml, as `learning_curves` has judged them."""
    found = []
    for model in ordered_models(params):
        if model in params.learning_curves:
            folder = HERE.model_report(model)
            table = read_csv(folder / "learning_curves.csv")
            content = read_json(folder / "learning_curves.json")
            found += [_curves_of(model, run, content[run], table) for run in RUNS if run in content]
    return found


def _curves_of(model: str, run: Run, content: dict[str, Any], table: Table) -> PublishedCurves:
    p = {variant: content["variants"][variant]["p"] for variant in VARIANTS if variant in content["variants"]}
    lines = [line for line in table if line["run"] == run]
    return PublishedCurves(model, run, content["notebook"], content["n"], content["points"], p, lines)


def applicable_curves(
    curves: list[PublishedCurves], notebooks: Notebooks, params: Params
) -> tuple[list[PublishedCurves], str]:
    """The runs that belong to what params.yaml has, and a sentence about the others; empty if there are none."""
    departing = [[*departures_of_run(found.model, RUNS[found.run], notebooks.settings, params)] for found in curves]
    kept = [found for found, differing in zip(curves, departing, strict=True) if not differing]
    count = len(curves) - len(kept)
    if not count:
        return kept, ""
    counted = "1 published run belongs" if count == 1 else f"{count} published runs belong"
    verb = "is" if count == 1 else "are"
    return kept, f"{counted} to other settings and {verb} not judged epoch by epoch: {join_departures(departing)}."


def answer_curves(curves: Sequence[PublishedCurves]) -> str:
    """Whether the published runs come out epoch by epoch, and what it takes; empty if none can be judged."""
    judged = [found for found in curves if found.can_differ]
    if not judged:
        return ""
    others = [found for found in judged if found.agreeing != ["today"]]
    if not others:
        all_of_them = "all published runs agree" if len(judged) > 1 else "the only published run agrees"
        return f"Epoch by epoch {all_of_them} with ours."
    agreeing = count_with_verb(len(judged) - len(others), "agrees", "agree")
    counted = f"{len(judged)} published runs" if len(judged) > 1 else "1 published run"
    said = [f"Epoch by epoch, of {counted}, {agreeing} with ours."]
    groups: dict[tuple[str, tuple[Variant, ...]], list[PublishedCurves]] = {}
    for found in others:
        groups.setdefault((found.notebook, tuple(found.agreeing)), []).append(found)
    said += [_explain_group(notebook, variants, group, judged) for (notebook, variants), group in groups.items()]
    return " ".join(said)


def _explain_group(
    notebook: str, variants: tuple[Variant, ...], group: list[PublishedCurves], judged: list[PublishedCurves]
) -> str:
    """What it takes for some of the judged runs to come out, all of them of one notebook, in a sentence."""
    named = f"Notebook {notebook}'s curves of {join_names(_name_runs(group, judged))}"
    if not variants:
        return f"{named} do not come out."
    shown = join_names(format_p(found.p[variants[0]]) for found in group)
    alone = ", with neither of them alone" if variants == ("both",) else ""
    return f"{named} come out with {_name_variants(variants)}{alone} (p {shown})."


def _name_runs(group: list[PublishedCurves], judged: list[PublishedCurves]) -> list[str]:
    """Each model, with the kind of its run where another run of it is not in the group."""
    names = []
    for model in dict.fromkeys(found.model for found in group):
        runs = [found.run for found in group if found.model == model]
        others = [found for found in judged if found.model == model and found not in group]
        names.append(f"`{model}` ({join_names(runs)} run)" if others else f"`{model}`")
    return names


def curves_table(curves: list[PublishedCurves]) -> str:
    """Each published run, and p of each variant."""

    def line(found: PublishedCurves) -> list[str]:
        ps = [format_p(found.p[variant]) if variant in found.p else "" for variant in VARIANTS]
        return [
            link_model(found.model),
            found.run,
            found.notebook,
            str(found.points),
            str(found.n),
            *ps,
            found.verdict,
        ]

    names = ["p", "p, old optimizer", "p, old progress bar", "p, both"]
    return page_table(
        "lllrrrrrrl", ["model", "run", "notebook", "figures", "seeds", *names, "verdict"], map(line, curves)
    )


def curves_section(curves: list[PublishedCurves], apart: str) -> str:
    """The section about the figures of each epoch; apart: a sentence about what is not judged."""
    if not curves:
        return f"{apart}\n\n" if apart else ""
    old = any(len(found.p) > 1 for found in curves)
    parts = [
        "## Do the learning curves come out?",
        f"""\
The notebooks print loss and accuracy after each epoch, too: [published_curves.csv](../published_curves.csv). Each \
run is judged as a whole, as if it were one more of ours: every point of every run is held against the other runs, \
in their standard deviations, and the largest distance counts. p is the share of runs, the published one included, \
whose largest distance is at least that of the published one. With n seeds it is 1 / (n + 1) at least; at \
{ALPHA:.0%} or less a run differs from ours, as one in twenty would by chance.""",
        """\
Old is what TensorFlow 2.4 did. Its RMSprop added epsilon to the root, not below it, so small gradients made larger \
steps. Its progress bar printed, for training loss and accuracy, the average over the batches of the means so far, \
not the mean of the epoch."""
        if old
        else "",
        answer_curves(curves),
        apart,
        curves_table(curves).rstrip(),
        "![Published learning curves, and the range of ours](learning_curves.png)",
    ]
    return "\n\n".join(filter(None, parts)) + "\n\n"
