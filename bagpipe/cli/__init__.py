"""The command line, `bagpipe`: the declarations of its commands and nothing else."""
