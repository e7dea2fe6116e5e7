"""What several stages share: params, artifacts, the official file format, the network."""
