"""The official files of IMDB and Reuters, and how Keras encodes them."""
