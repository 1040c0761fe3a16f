"""From sensor frames to what a tracker acts on. Nothing here knows a simulator."""
