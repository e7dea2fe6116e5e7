"""The page of results: its tables, its pictures and its words."""
