"""Texts to word ids and back: samples of a dataset, predictions for new texts."""
