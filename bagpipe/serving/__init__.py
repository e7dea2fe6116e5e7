"""A trained model for others: as a folder that needs TensorFlow alone, and behind HTTP."""
