"""What the stages share that train: the network, and the basics, which all stages share."""
