"""How the learned predictor is trained: tracks from simulated worlds, the network, the loop."""
