"""The camera of a robot: intrinsics, mounting and range of any RGB-D camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

(FX, FY, CX, CY, RANGE_MIN_M, RANGE_MAX_M) = range(6)
"""First columns of a camera row."""
ROTATION, TRANSLATION = 6, 15
"""Columns where the 9 entries of the rotation (row by row) and the 3 of the translation of base_from_camera begin."""
ROW_LENGTH = 18
_CENTRAL = 0.3
"""A principal point nearer to two edges than this share of the image is that of another image size."""
_HFOV_MAX_RAD = float(np.deg2rad(170.0))
_RISE_MAX = float(np.sin(np.deg2rad(60.0)))
_LEVEL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class CameraModel:
    """A pinhole camera without distortion that is fixed to a robot.

    A pixel in column c and row r looks along ((c + 0.5 - cx) / fx, (r + 0.5 - cy) / fy, 1) in the camera's optical
    frame (x right, y down, z forward). ROS puts the centre of the first pixel at 0 instead: see `from_ros`.

    Attributes:
        fx: focal length in pixels along a row.
        fy: focal length in pixels along a column.
        cx: column of the principal point in pixels from the image's left edge.
        cy: row of the principal point in pixels from the image's upper edge.
        width: columns of the image.
        height: rows of the image.
        base_from_camera: (4, 4) rigid transform from the optical frame to the robot's base frame (x forward, y left,
            z up, origin on the floor under the robot's axis), in metres.
        range_min_m: depth in metres below which a pixel is invalid.
        range_max_m: depth in metres from which on a pixel says only that nothing is nearer.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    base_from_camera: NDArray[np.float64] = field(repr=False)
    range_min_m: float = 0.1
    range_max_m: float = 8.0

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if not (isinstance(value, (int, np.integer)) and 8 <= value <= 4096):
                raise ValueError(f"{name} must be a whole number of pixels from 8 to 4096, not {value!r}")
        for name in ("fx", "fy"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number of pixels, not {value!r}")
        for name, size in (("cx", self.width), ("cy", self.height)):
            value = getattr(self, name)
            if not (np.isfinite(value) and 0 <= value <= size):
                raise ValueError(f"{name} must lie in the image, from 0 to {size} pixels, not {value!r}")
        shares = (self.cx / self.width, self.cy / self.height)
        if max(shares) < _CENTRAL or min(shares) > 1.0 - _CENTRAL:
            raise ValueError(
                f"cx {self.cx:.6g} and cy {self.cy:.6g} lie in a corner of the image of {self.width} x {self.height}"
                " pixels: are these the intrinsics of another image size?"
            )
        if self.hfov_rad > _HFOV_MAX_RAD:
            raise ValueError(
                f"fx {self.fx:.6g} gives a field of view of {np.rad2deg(self.hfov_rad):.1f} degrees, at most"
                f" {np.rad2deg(_HFOV_MAX_RAD):.0f} are allowed; fx is in pixels, {self.width} to the row"
            )
        if not (0 <= self.range_min_m < self.range_max_m < np.inf):
            raise ValueError(
                f"0 <= range_min_m < range_max_m must hold, not range_min_m {self.range_min_m},"
                f" range_max_m {self.range_max_m}"
            )
        object.__setattr__(self, "base_from_camera", _rigid(self.base_from_camera))
        if not self.height_m > 0:
            raise ValueError(
                f"base_from_camera must lift the camera above the floor, not to a height of {self.height_m:.3f} m: the"
                " base frame has its origin on the floor"
            )
        if self.base_from_camera[2, 2] > _RISE_MAX:
            raise ValueError(
                "base_from_camera makes the camera look at the ceiling: it starts from the optical frame (x right,"
                " y down, z forward), not from a frame of the housing (x forward, z up)"
            )

    @classmethod
    def level(
        cls,
        *,
        width: int = 64,
        height: int = 48,
        hfov_deg: float = 90.0,
        height_m: float = 0.8,
        range_min_m: float = 0.1,
        range_max_m: float = 8.0,
    ) -> "CameraModel":
        """A camera with square pixels that looks straight ahead from above the robot's axis, as the worlds have it."""
        if not 1.0 <= hfov_deg <= 170.0:
            raise ValueError(f"hfov_deg must lie within 1 to 170 degrees, not {hfov_deg!r}")
        focal = 0.5 * width / np.tan(0.5 * np.deg2rad(hfov_deg))
        return cls(focal, focal, 0.5 * width, 0.5 * height, width, height, mounted(height_m), range_min_m, range_max_m)

    @classmethod
    def from_ros(
        cls, k: ArrayLike, *, width: int, height: int, base_from_camera: ArrayLike, **ranges: float
    ) -> "CameraModel":
        """From the matrix K (9,) or (3, 3) of a ROS CameraInfo, whose pixel centres lie at whole numbers."""
        matrix = np.asarray(k, dtype=np.float64)
        if matrix.size != 9:
            raise ValueError(f"k must hold the 9 numbers of CameraInfo.K, not shape {matrix.shape}")
        matrix = matrix.reshape(3, 3)
        return cls(
            fx=float(matrix[0, 0]),
            fy=float(matrix[1, 1]),
            cx=float(matrix[0, 2]) + 0.5,
            cy=float(matrix[1, 2]) + 0.5,
            width=width,
            height=height,
            base_from_camera=np.asarray(base_from_camera, dtype=np.float64),
            **ranges,
        )

    @classmethod
    def preset(cls, name: str, *, base_from_camera: ArrayLike | None = None) -> "CameraModel":
        """The nominal intrinsics of a known camera; the calibration of your own one is better where you have it.

        Args:
            name: one of PRESETS.
            base_from_camera: (4, 4) its mounting; level, 0.8 m above the floor if None.

        Raises:
            ValueError: if there is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"camera preset {name!r} is unknown; allowed: {', '.join(PRESETS)}")
        width, height, hfov_deg, range_min_m, range_max_m = PRESETS[name]
        model = cls.level(
            width=width, height=height, hfov_deg=hfov_deg, range_min_m=range_min_m, range_max_m=range_max_m
        )
        if base_from_camera is None:
            return model
        return replace(model, base_from_camera=np.asarray(base_from_camera, dtype=np.float64))

    @property
    def hfov_rad(self) -> float:
        """Horizontal field of view in radians."""
        return float(np.arctan(self.cx / self.fx) + np.arctan((self.width - self.cx) / self.fx))

    @property
    def height_m(self) -> float:
        """Height of the optical centre above the floor in metres."""
        return float(self.base_from_camera[2, 3])

    @property
    def row(self) -> NDArray[np.float64]:
        """The camera as kernels take it, (18,): see the column names of this module.

        The ranges are what float32 makes of them, so that depth at a limit compares as equal to it.
        """
        ranges = [float(np.float32(limit)) for limit in (self.range_min_m, self.range_max_m)]
        numbers = [self.fx, self.fy, self.cx, self.cy, *ranges]
        return np.array([*numbers, *self.base_from_camera[:3, :3].ravel(), *self.base_from_camera[:3, 3]])


PRESETS: Mapping[str, tuple[int, int, float, float, float]] = MappingProxyType(
    {
        "d435": (640, 480, 79.5, 0.2, 6.0),
        "d455": (640, 480, 79.5, 0.4, 8.0),
        "azure_kinect": (640, 576, 65.0, 0.5, 3.86),
        "kinect_v1": (640, 480, 58.1, 0.5, 7.0),
    }
)
"""Width, height, horizontal field of view in degrees of the depth image, least and greatest range in metres.

Fields of view are those that the cameras report of themselves (focal lengths of 385, 385, 503 and 576 pixels) and not
those of the leaflets. The greatest range is where the maker stops, or where the error of the disparity reaches 0.15 m.
The images of an Azure Kinect (its narrow mode, unbinned) have to be rectified first.
"""


def mounted(
    height_m: float, *, pitch_rad: float = 0.0, forward_m: float = 0.0, left_m: float = 0.0, yaw_rad: float = 0.0
) -> NDArray[np.float64]:
    """base_from_camera (4, 4) of a camera at a height that looks ahead; positive pitch looks down, yaw to the left.

    Raises:
        ValueError: for a camera that looks backwards: degrees for radians?
    """
    if not abs(pitch_rad) <= 0.5 * np.pi:
        raise ValueError(f"pitch_rad must lie between -pi/2 and pi/2 radians, not {pitch_rad!r}: is it in degrees?")
    if not abs(yaw_rad) <= 2.0 * np.pi:
        raise ValueError(f"yaw_rad must lie within -2 pi and 2 pi radians, not {yaw_rad!r}: is it in degrees?")
    cos, sin = np.cos(pitch_rad), np.sin(pitch_rad)
    pitch = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    yaw = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    transform = np.eye(4)
    transform[:3, :3] = yaw @ pitch @ _LEVEL
    transform[:3, 3] = forward_m, left_m, height_m
    return transform


def camera_rows(cameras: CameraModel | Sequence[CameraModel], num_worlds: int) -> NDArray[np.float64]:
    """Rows (B, 18) of one camera for all worlds, or of one for each.

    Raises:
        ValueError: if the number of cameras is another, or their images differ in size.
    """
    models = [cameras] * num_worlds if isinstance(cameras, CameraModel) else list(cameras)
    if not all(isinstance(model, CameraModel) for model in models):
        raise ValueError(f"camera must be a CameraModel (or one for each world), not {cameras!r}")
    if len(models) != num_worlds:
        raise ValueError(f"{len(models)} cameras for {num_worlds} worlds: give one for all or one for each")
    sizes = {(model.width, model.height) for model in models}
    if len(sizes) > 1:
        raise ValueError(f"the images of all worlds must have one size, not {sorted(sizes)} (width, height)")
    return np.stack([model.row for model in models])


def _rigid(transform: Any) -> NDArray[np.float64]:
    """A checked copy of a rigid transform (4, 4)."""
    matrix = np.array(transform, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"base_from_camera must be 4 x 4 finite numbers, not shape {matrix.shape}")
    rotation = matrix[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise ValueError("base_from_camera must be a rigid transform: its upper left 3 x 3 block is no rotation")
    if not np.allclose(matrix[3], [0.0, 0.0, 0.0, 1.0]):
        raise ValueError(f"the last row of base_from_camera must be 0 0 0 1, not {matrix[3].tolist()}")
    matrix.setflags(write=False)
    return matrix
