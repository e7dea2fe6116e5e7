"""The checks of `bagpipe verify`: one check, one file, one id; its docstring is its explanation."""
