"""The texts of a dataset, official or your own: found, read in their format, cut into words, counted."""
