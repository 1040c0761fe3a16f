"""The sensors of the tracker: cameras, visibility, noise and odometry."""
