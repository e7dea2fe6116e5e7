"""The section of params.yaml about baselines."""

from stages.common.basics.params.sections import Section
from stages.common.basics.params.types import Count, NumpySeed, PositiveFloat


class NaiveBayes(Section):
    alpha: PositiveFloat


class LinearClassifier(Section):
    """As scikit-learn names them."""

    C: PositiveFloat
    tol: PositiveFloat
    max_iter: Count


class TfIdf(Section):
    min_texts: Count
    """How many training texts must have a pair of words for it to count."""


class Baselines(Section):
    shuffle_seed: NumpySeed
    naive_bayes: NaiveBayes
    logistic_regression: LinearClassifier
    tf_idf: TfIdf
    """Of words and pairs of words, for the two that follow."""
    tf_idf_linear_svm: LinearClassifier
    tf_idf_logistic_regression: LinearClassifier
