"""The page that `dvc plots` fills, with all that draws it inside, so that it needs no network.

DVC's own page loads Vega from the network. This one is written to .dvc/plots.html, which Git ignores, and named in
.dvc/config.local, which Git ignores as well: where nobody has set it up, DVC's own is used.

    python -m bagpipe.project.dvc_plots
"""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bagpipe.project.vega import read_vega_script
from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError, run

TEMPLATE = Path(__file__).with_suffix(".html")
PAGE = "plots.html"  # in .dvc


def stamp_of_plots(template: str) -> str:
    """What a page is made of.

    Raises:
        UserError: the package that has Vega is not installed.
    """
    try:
        libraries = version("vl-convert-python")
    except PackageNotFoundError:
        raise UserError(
            "expected vl-convert-python, found none; `make setup` brings the environment up to date"
        ) from None
    return f"vl-convert {libraries}, template {hashlib.sha256(template.encode()).hexdigest()[:16]}"


def set_up_plots(root: Path = Path()) -> None:
    """Write the page of a DVC repository and name it in its config, unless a person has named another.

    Raises:
        UserError: the package that has Vega is not installed.
    """
    from dvc.config import Config

    template, path = TEMPLATE.read_text(encoding="utf-8"), root / ".dvc" / PAGE
    made_of = stamp_of_plots(template)
    if not path.exists() or made_of not in path.read_text(encoding="utf-8")[:200]:
        page = template.replace("{stamp}", made_of).replace("{libraries}", read_vega_script())
        write_text(path, page)
    config = Config(str(path.parent))
    if "html_template" not in config["plots"]:
        with config.edit("local") as local:
            local.setdefault("plots", {})["html_template"] = PAGE


if __name__ == "__main__":
    run(set_up_plots)
