"""The command line, `bagpipe`: what a person does around the pipeline. No stage imports it."""
