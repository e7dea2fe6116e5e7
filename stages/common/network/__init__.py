"""The network and how it is fed: ordinary Keras, made as fast as the work allows on a CPU.

A text is a multi-hot row of 10,000 numbers, 99 % of them zeros. The notebooks multiply the zeros, too; nearly all
their minute goes into moving them. Here the first layer takes the rows as they are stored, sparse; the rest is the
textbook's `compile`, `fit`, `evaluate` and `predict`.

    runs = Runs(settings, rows, classes, epochs)   # training.py; a model's settings, see basics/params
    model, history = runs.run(seed)
    save(model, runs.network, folder)              # saved.py
    load(folder).predict(rows)

layers.py has the layers, feeding.py the batches. The same seed gives the same bytes, whatever code libraries would
pick for the processor (basics/processor.py), the number of cores and the user's own settings of Keras (starting.py).
What looks unusual is there for that or for speed, with its reason beside it; each is a measurement, see
reports/benchmark.md.
"""
