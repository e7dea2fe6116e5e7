"""What requests and answers look like: the simple form, and that of the open inference protocol, version 2.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from bagpipe.texts.predict import ExplainedPrediction, prediction_as_dict

VERSION = "1"  # of every model that is served: the trained one is the only one

Texts = Annotated[list[str], Field(min_length=1)]


class PredictRequest(BaseModel, strict=True, extra="forbid"):
    """`POST /predict`."""

    text: Texts
    explain: bool = False


class Input(BaseModel, strict=True):
    """The one tensor that a model takes."""

    name: Literal["text"]
    shape: list[int]
    datatype: Literal["BYTES"]
    data: Texts

    @model_validator(mode="after")
    def _is_flat(self) -> "Input":
        texts = len(self.data)
        if self.shape not in ([texts], [texts, 1]):
            expected = f"expected shape [{texts}] or [{texts}, 1], as there are that many texts"
            raise ValueError(f"{expected}; found {self.shape}")
        return self


class Output(BaseModel, strict=True):
    """A tensor that is asked for; without any, all are given."""

    name: Literal["label", "probability", "probabilities"]


class InferRequest(BaseModel, strict=True):
    """`POST /v2/models/M/infer`."""

    id: str | None = None
    inputs: Annotated[list[Input], Field(min_length=1, max_length=1)]
    outputs: list[Output] | None = None


def model_metadata(name: str, classes: int) -> dict[str, Any]:
    """`GET /v2/models/M`."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "bagpipe",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probability", "datatype": "FP32", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, classes]},
        ],
    }


def infer_response(name: str, request: InferRequest, predictions: list[ExplainedPrediction]) -> dict[str, Any]:
    """The tensors that were asked for, row by row in one list each."""
    probabilities = np.stack([prediction.probabilities for prediction in predictions])
    tensors = {
        "label": ("BYTES", [len(predictions)], [prediction.top[0][0] for prediction in predictions]),
        "probability": ("FP32", [len(predictions)], [prediction.top[0][1] for prediction in predictions]),
        "probabilities": ("FP32", list(probabilities.shape), probabilities.ravel().tolist()),
    }
    asked = list(tensors) if request.outputs is None else [output.name for output in request.outputs]
    outputs = [
        {"name": output, "datatype": tensors[output][0], "shape": tensors[output][1], "data": tensors[output][2]}
        for output in asked
    ]
    return {"model_name": name, "model_version": VERSION, "id": request.id or "", "outputs": outputs}


def predict_response(predictions: list[ExplainedPrediction]) -> dict[str, Any]:
    """An object for each text, as of `bagpipe predict --json`."""
    return {"predictions": [prediction_as_dict(prediction) for prediction in predictions]}
