"""What is in a dataset's texts: the same text twice, nearly the same, under several labels; lengths and words."""
