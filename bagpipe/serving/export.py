"""`bagpipe export`: a trained model as a SavedModel, which needs TensorFlow alone, and a card that tells of it."""

import json
from pathlib import Path

from dvc.repo import Repo

from bagpipe.project.dvc_project import dvc_errors
from bagpipe.project.names import check_name, model_folder
from bagpipe.serving.card import CARD_FILE, compose_card
from bagpipe.texts.words import word_index
from stages.common.basics.artifacts import new_directory, write_text
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.processor import settle
from stages.common.basics.rows import load_features, load_labels

LABELS_FILE = "labels.json"


def check_empty(folder: Path) -> None:
    """Check that a folder can be made, or is there and empty.

    Raises:
        UserError: it is neither.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder}: expected an empty folder, or none, to export to")


def stale_stages(*names: str) -> set[str]:
    """Those of some stages whose results are not those of the params, code and files as they are now."""
    with dvc_errors(), Repo() as repo:
        return set(names) & repo.status(targets=list(names)).keys()


def drop_uuid(folder: Path) -> None:
    """Take the random number out of a SavedModel's fingerprint, so that the same model is the same bytes."""
    from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

    path = folder / "fingerprint.pb"
    fingerprint = FingerprintDef.FromString(path.read_bytes())
    fingerprint.ClearField("uuid")
    path.write_bytes(fingerprint.SerializeToString(deterministic=True))


def export(name: str, folder: Path) -> None:
    """Write a model as a SavedModel to a new or empty folder.

    Raises:
        UserError: the folder has something in it, or the model or its test figures are not up to date.
    """
    params = load_params()
    check_name("model", name, params.models)
    check_empty(folder)
    trained = model_folder(name)
    dataset = params.models[name].dataset
    needed, replicates, looked = [f"train@{name}", f"evaluate@{name}"], f"replicate@{name}", f"describe@{dataset}"
    stale = stale_stages(*needed, replicates, looked)
    if stale & set(needed):
        raise UserError(
            f"{' and '.join(sorted(stale & set(needed)))}: expected to be up to date, for the card to tell of this "
            f"model; run `dvc repro evaluate@{name}`"
        )
    index, labels = word_index(dataset), load_labels(dataset)
    text = compose_card(params, name, labels, has_replicates=replicates not in stale, has_data=looked not in stale)

    settle()
    from bagpipe.serving.portable import TextClassifier
    from stages.common.network.backend import tf  # TensorFlow, after what can fail quickly
    from stages.common.network.saved import load

    with new_directory(folder.absolute()) as partial:
        names = partial / LABELS_FILE
        write_text(names, json.dumps(labels, ensure_ascii=False) + "\n")
        classifier = TextClassifier(load(trained), index, load_features(dataset).ngrams, labels, names)
        tf.saved_model.save(classifier, str(partial), signatures={"serving_default": classifier.__call__})
        names.unlink()  # its copy is among the assets
        drop_uuid(partial)
        write_text(partial / CARD_FILE, text)
    print(f"Exported {name} to {folder}; {folder / CARD_FILE} says how to call it.")
