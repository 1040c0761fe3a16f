"""Training of the tracker and its opponent."""
