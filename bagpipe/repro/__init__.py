"""`bagpipe repro`: independent stages of the pipeline at once."""
