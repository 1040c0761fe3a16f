"""Errors of the worlds, each naming what is wrong and what is allowed."""


class LayoutError(ValueError):
    """A layout that cannot be played: a broken file, no room to drive, or no place to start."""


class TrackError(ValueError):
    """A recorded track that cannot be replayed: a broken file or points outside the free space."""


class RenderError(RuntimeError):
    """A picture that cannot be made here, a window without a display for instance."""


class PhysicsError(RuntimeError):
    """The physics engine refused a call, or was used after it was closed or from another process."""


class WorkerError(RuntimeError):
    """A worker process failed; the message holds its traceback, the world's index and its seed."""
