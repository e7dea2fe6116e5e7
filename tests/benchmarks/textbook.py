"""The notebooks' work as a textbook writes it: every row written out, zeros and all.

Written for this comparison, after the description of the two notebooks. It reads the official files through
`keras.datasets`, from $KERAS_HOME/datasets.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers

from tests.benchmarks.steps import BATCH, NUM_WORDS, SETTINGS, Clock


def vectorize_sequences(sequences: list[list[int]], dimension: int = NUM_WORDS) -> np.ndarray:
    """One row a sequence, with ones at the places of its words."""
    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def build_model(units: int, classes: int) -> keras.Model:
    binary = classes == 2
    model = keras.Sequential(
        [
            layers.Dense(units, activation="relu"),
            layers.Dense(units, activation="relu"),
            layers.Dense(1 if binary else classes, activation="sigmoid" if binary else "softmax"),
        ]
    )
    loss = "binary_crossentropy" if binary else "categorical_crossentropy"
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    return model


def work(name: str, clock: Clock) -> None:
    """One dataset, from the archive to the test accuracy."""
    units, classes, holdout, epochs, final_epochs = SETTINGS[name]
    with clock.step(name, "load"):
        (train_data, train_labels), (test_data, test_labels) = getattr(keras.datasets, name).load_data(
            num_words=NUM_WORDS
        )
    with clock.step(name, "vectorize"):
        x_train, x_test = vectorize_sequences(train_data), vectorize_sequences(test_data)
        if classes == 2:
            y_train = np.asarray(train_labels).astype("float32")
            y_test = np.asarray(test_labels).astype("float32")
        else:
            y_train = keras.utils.to_categorical(train_labels)
            y_test = keras.utils.to_categorical(test_labels)
    with clock.step(name, "fit"):
        build_model(units, classes).fit(
            x_train[holdout:],
            y_train[holdout:],
            epochs=epochs,
            batch_size=BATCH,
            validation_data=(x_train[:holdout], y_train[:holdout]),
            verbose=0,
        )
    with clock.step(name, "final fit"):
        model = build_model(units, classes)
        model.fit(x_train, y_train, epochs=final_epochs, batch_size=BATCH, verbose=0)
    with clock.step(name, "evaluate"):
        _, clock.accuracy[name] = model.evaluate(x_test, y_test, verbose=0)
        model.predict(x_test, verbose=0)


if __name__ == "__main__":
    clock = Clock()
    for dataset in SETTINGS:
        work(dataset, clock)
    clock.report()
