"""How good trackers are: episodes, played many at a time, and honest statistics of them."""
