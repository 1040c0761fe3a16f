"""The players: arrays in, actions out. Nothing here knows a simulator."""
