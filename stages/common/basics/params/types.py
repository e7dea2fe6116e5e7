"""The types of values in params.yaml, and their limits."""

from typing import Annotated, Literal

from pydantic import Field

# Beyond these limits a library or a machine would fail hours later; none is near what anybody needs.
LARGEST_INT32 = 2**31 - 1  # by which TensorFlow and SciPy number rows


MOST_LABELS, LONGEST_LABEL = 1_000, 200  # classes; characters


MOST_COLUMNS = 10_000_000  # a bitmap of so many bytes marks a text's words


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]  # it becomes a folder's name


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]  # of a file in that folder


Count = Annotated[int, Field(gt=0, le=LARGEST_INT32, strict=True)]


CountOrNone = Annotated[int, Field(ge=0, le=LARGEST_INT32, strict=True)]


Epochs = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]


Units = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]


Hidden = Annotated[list[Units], Field(max_length=100)]  # of none the model is linear


PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


DropoutRate = Annotated[float, Field(ge=0, le=0.99)]


Penalty = Annotated[float, Field(ge=0, le=1)]


LearningRate = Annotated[float, Field(gt=0, le=1_000)]


Accuracy = Annotated[float, Field(ge=0, le=1)]  # or a difference of two


NumWords = Annotated[int, Field(gt=4, le=MOST_COLUMNS, strict=True)]


TestSplit = Annotated[float, Field(ge=0.001, le=0.99)]  # each side must have texts


NumpySeed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]  # all that RandomState takes


Salt = Annotated[int, Field(ge=0, lt=2**64, strict=True)]


ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"


Label = Annotated[str, Field(max_length=LONGEST_LABEL, pattern=ONE_LINE)]


Column = Annotated[str, Field(max_length=1_000, pattern=ONE_LINE)]  # of a file of texts


Inches = Annotated[float, Field(ge=2, le=12)]  # smaller panels have no room for their text


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


_PIN = r"([\w.-]+==[\w.+!-]+)"


Pins = Annotated[str, Field(pattern=rf"^{_PIN}( {_PIN})*$")]  # `numpy==2.4.6 scipy==1.17.1`


BINARY_LOSSES = ("binary_crossentropy", "mse")


Activation = Literal["relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "selu", "silu"]


Ngrams = Annotated[int, Field(ge=1, le=3, strict=True)]


Weighting = Literal["binary", "tf_idf", "naive_bayes"]


ClassWeight = Literal["none", "sqrt", "balanced"]


Loss = Literal["binary_crossentropy", "categorical_crossentropy", "mse", "sparse_categorical_crossentropy"]


Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]


SEEDS_APART = 1_000  # so that the replicates of different seeds share none


Seed = Annotated[int, Field(ge=0, le=2**32 // SEEDS_APART - 1, strict=True)]


Runs = Annotated[int, Field(ge=2, lt=SEEDS_APART, strict=True)]
