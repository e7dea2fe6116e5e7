"""Which published figures are reproduced, and which models are better by more than chance."""
