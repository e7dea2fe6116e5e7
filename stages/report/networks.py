"""A model's settings in words."""

from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.sections import Features, Settings
from stages.report.tables import NO_BREAK
from stages.report.words import count_with_verb

TERMS = {1: "words", 2: "words and pairs", 3: "words, pairs and triples"}
WEIGHTINGS = {"binary": "", "tf_idf": " by TF-IDF", "naive_bayes": " by naive Bayes' log-count ratio"}
CLASS_WEIGHTS = {"sqrt": "texts of a class weighted by 1 / √n", "balanced": "texts of a class weighted by 1 / n"}
WITHOUT = {
    "input_dropout": "no dropout of terms",
    "dropout": "no dropout of units",
    "l2": "no L2 penalty",
    "class_weight": "all texts weighted alike",
}


def describe_network(params: Params, model: str) -> dict[str, str]:
    """What two models may differ in that learn from the same texts, in words; empty where a model has it not."""
    settings = settings_of(params, model)
    units = f"{' + '.join(map(str, settings.hidden))} units".replace(" ", NO_BREAK)
    return {
        "features": describe_features(params.datasets[settings.dataset]),
        "hidden": units if settings.hidden else "no hidden layer",
        "activation": settings.activation if settings.hidden else "",
        "loss": settings.loss.replace("_", " "),
        **describe_regularization(settings),
        "optimizer": settings.optimizer,
        "learning_rate": f"learning rate {settings.learning_rate:g}",
        "batch_size": f"batches of {settings.batch_size:,}",
        "epochs": count_with_verb(settings.epochs, "epoch", "epochs"),
    }


def describe_features(features: Features) -> str:
    """What the columns of a dataset's rows are."""
    return f"{features.num_words:,} columns of {TERMS[features.ngrams]}{WEIGHTINGS[features.weighting]}"


def describe_regularization(settings: Settings) -> dict[str, str]:
    """Of dropout, penalty and class weights those that act, in words, and nothing for the others."""
    return {
        "input_dropout": f"dropout {settings.input_dropout:g} of terms" if settings.input_dropout else "",
        "dropout": f"dropout {settings.dropout:g} of units" if settings.dropout and settings.hidden else "",
        "l2": f"L2 penalty {settings.l2:g}" if settings.l2 else "",
        "class_weight": CLASS_WEIGHTS.get(settings.class_weight, ""),
    }


def differences(params: Params, model: str, reference: str) -> dict[str, str]:
    """What a model has otherwise than another, by key, in words."""
    ours, others = (describe_network(params, name) for name in (model, reference))
    return {key: said or WITHOUT.get(key, "") for key, said in ours.items() if said != others[key]}
