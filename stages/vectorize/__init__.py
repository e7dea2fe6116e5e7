"""Texts into multi-hot rows: official.py for those of Keras, labelled.py and encoding.py for your own."""
