"""`bagpipe remove`: take back a dataset of one's own, with its models and all their results."""

import shutil
from pathlib import Path

from bagpipe.project.lock import LOCK_FILE, drop_unknown, parse_mapping
from bagpipe.project.names import check_name, not_own
from bagpipe.project.sections import read_params, without_entry, write_params
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import HERE
from stages.common.judging.published import PUBLISHED_FILE, load_published


def remove_dataset(name: str) -> None:
    """Remove a dataset and its models.

    Raises:
        UserError: there is none of that name, or it is not one's own.
    """
    params = load_params()
    check_name("dataset", name, params.datasets)
    if params.datasets[name].is_official:
        raise not_own(name)
    datasets = [other for other, section in params.datasets.items() if name in (other, section.texts)]
    models = [model for model, settings in params.models.items() if settings.dataset in datasets]
    if len(models) == len(params.models):
        raise UserError(f"{PARAMS_FILE}: expected a model of another dataset to remain, found none")
    check_not_published([*models, *datasets], params)
    text = read_params()
    curves = [model for model in models if model in params.learning_curves]
    sections = {
        "learning_curves": curves,
        "datasets": datasets,
        "defaults": [other for other in datasets if other in params.defaults],
        "models": models,
    }
    for section, entries in sections.items():
        for entry in entries:
            text = without_entry(text, section, entry)
    lock = parse_mapping(LOCK_FILE.read_bytes(), str(LOCK_FILE)) if LOCK_FILE.exists() else {}

    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    data = HERE.added(name)
    try:
        with Repo() as repo:
            write_params(text)
            if data.exists():
                repo.remove(str(data))
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from None
    folders = [HERE.raw(name)]
    for dataset in datasets:
        folders += [HERE.vectorized(dataset), HERE.dataset_report(dataset)]
    for model in models:
        folders += [HERE.model(model), HERE.model_report(model), HERE.predictions(model), HERE.kept_replicates(model)]
    for path in folders:
        _delete(path)
    if lock:
        drop_unknown(lock)
    print(f"Removed {name} and its models ({', '.join(models) or 'none'}).")
    print(f"Its texts stay in DVC's cache: where a commit has {data}, `dvc checkout` brings them back.")
    print("Next: `dvc repro report` writes the report without it.")


def check_not_published(names: list[str], params: Params) -> None:
    """Check that published.yaml names none of the models and datasets, for it would be invalid without them.

    Raises:
        UserError: it does.
    """
    notebooks = load_published(params)
    for section, known in notebooks.settings:
        if found := set(names) & known.keys():
            raise UserError(f"{PUBLISHED_FILE}: settings.{section}: expected no {min(found)}; take it out first")
    for section in ("published", "bounds"):
        for index, entry in enumerate(getattr(notebooks, section)):
            if {entry.of, getattr(entry, "against", None)} & set(names):
                raise UserError(
                    f"{PUBLISHED_FILE}: {section}.{index}: expected no figure of {entry.of}; take it out first"
                )


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
