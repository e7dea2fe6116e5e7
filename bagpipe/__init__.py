"""Trained text classifiers, from Python: `bagpipe.load_model("imdb").predict(["What a waste of time."])`.

What a person runs around the pipeline is in the packages below; no stage imports them.
"""

import typing as _typing  # a name without the underscore would be one of this package's

if _typing.TYPE_CHECKING:
    import os as _os

    from bagpipe.texts.model import TextModel as _TextModel

    __version__: str

__all__ = ["__version__", "load_model"]


def load_model(name: str, root: "str | _os.PathLike[str]" = ".") -> "_TextModel":
    """Load a trained model of a project, with its words and labels.

    It changes no setting of the process: no threads, seeds, environment or current folder. TensorFlow is imported
    here, not by `import bagpipe`; set up what it should use before the call.

        >>> import bagpipe
        >>> model = bagpipe.load_model("imdb")
        >>> [prediction] = model.predict(["What a waste of time."])
        >>> prediction.label, prediction.probabilities[prediction.label] == prediction.probability
        ('negative', True)

    Args:
        name: as params.yaml has it under `models`.
        root: the project's folder, in which params.yaml and data/ are.

    Returns:
        An object with `labels` and `predict(texts)`; its class is not to be called by itself.

    Raises:
        stages.common.basics.errors.UserError: params.yaml or the model is not there, or a file is damaged. Its text
            is one sentence; for a wrong name, it says which models there are.
        OSError: a file cannot be read.
    """
    from pathlib import Path

    from bagpipe.texts.model import TextModel

    return TextModel(name, Path(root))


if not _typing.TYPE_CHECKING:  # else a type checker would take any name for one of this package's

    def __getattr__(name):
        """`__version__`, read when asked for: reading takes longer than all else here."""
        if name != "__version__":
            raise AttributeError(f"module 'bagpipe' has no attribute {name!r}")
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("bagpipe")
        except PackageNotFoundError:  # a checkout that is not installed
            return "0+unknown"


def __dir__() -> list[str]:
    return sorted(__all__)
