"""TensorFlow and Keras, as every module of the network imports them: started as a stage needs them.

In a process of our own they start by `start_tensorflow`; in any other, TensorFlow stays as it is set there.
"""

from stages.common.basics.processor import is_settled

if is_settled():
    from stages.common.network.starting import start_tensorflow

    start_tensorflow()

import keras
import tensorflow as tf

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"expected Keras to compute with TensorFlow, found {keras.config.backend()}; set KERAS_BACKEND=tensorflow "
        "before Keras is imported"
    )

__all__ = ["keras", "tf"]
