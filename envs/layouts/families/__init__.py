"""The layout families, one module each with `make(size, rng) -> Layout`."""
