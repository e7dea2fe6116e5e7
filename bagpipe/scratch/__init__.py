"""A scratch copy of the project on small generated corpora: the demo, and what tests run on."""
