"""What the target looks like: a histogram of hue and saturation, against that of everything around it."""

import cv2
import numpy as np
from numpy.typing import NDArray

_HUES, _SATURATIONS = 45, 12
_RANGES = (0, 180, 0, 256)
_BLUR_HUE, _BLUR_SATURATION = 0.6, 1.0
"""Standard deviation in bins of the histograms' blur: light and haze change the saturation more than the hue."""
_LEAST = 0.01
"""A colour of which the target has less than this share is not its own, even if nothing else has it."""
_AROUND = 0.25
"""Weight of the surroundings: they rule out colours like the target's, but not its own on a wall beside it."""
_FIRST = 0.25
"""Share of the first picture in what the target is believed to look like; the rest follows the last pictures."""
_KEPT, _KEPT_AROUND = 0.85, 0.8


class Appearance:
    """The colours of one target: how likely is a pixel of some hue and saturation a part of it.

    Args:
        hsv: (H, W, 3) uint8 of OpenCV's hue, saturation and value.
        inside: (H, W) not 0 on the target.
    """

    def __init__(self, hsv: NDArray[np.uint8], inside: NDArray[np.uint8]) -> None:
        self._first = self._target = _histogram(hsv, inside)
        self._around = _histogram(hsv, _outside(inside))
        self._ratio = _ratio(self._target, self._around)

    def likeness(self, hsv: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The back-projection (H, W), smoothed: 255 on colours that only the target has, 0 on those that it has not."""
        projected = cv2.calcBackProject([hsv], [0, 1], self._ratio, _RANGES, 1)
        smooth: NDArray[np.uint8] = cv2.blur(projected, (3, 3))  # type: ignore[assignment]
        return smooth

    def follow(self, hsv: NDArray[np.uint8], inside: NDArray[np.uint8]) -> None:
        """Let the histograms follow a new picture in which the target was found."""
        now = _mixed(self._first, _histogram(hsv, inside), _FIRST)
        self._target = _mixed(self._target, now, _KEPT)
        self._around = _mixed(self._around, _histogram(hsv, _outside(inside)), _KEPT_AROUND)
        self._ratio = _ratio(self._target, self._around)


def to_hsv(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """OpenCV's hue (0 to 179), saturation and value of a picture (H, W, 3)."""
    hsv: NDArray[np.uint8] = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2HSV)  # type: ignore[assignment]
    return hsv


def _outside(inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All but the target and its border (H, W), whose pixels mix both."""
    grown = cv2.dilate(inside, np.ones((3, 3), dtype=np.uint8))
    outside: NDArray[np.uint8] = (grown == 0).astype(np.uint8)
    return outside


def _histogram(hsv: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shares (hues, saturations) of the colours under a mask, blurred by a bin; hues go round."""
    counts = cv2.calcHist([hsv], [0, 1], mask, [_HUES, _SATURATIONS], _RANGES)
    wrapped = np.concatenate([counts[-2:], counts, counts[:2]])
    blurred = cv2.GaussianBlur(wrapped, (5, 5), _BLUR_SATURATION, sigmaY=_BLUR_HUE, borderType=cv2.BORDER_REPLICATE)
    blurred = blurred[2:-2]
    shares: NDArray[np.float32] = blurred / np.float32(max(float(blurred.sum()), 1.0))
    return shares


def _mixed(old: NDArray[np.float32], new: NDArray[np.float32], kept: float) -> NDArray[np.float32]:
    mixed: NDArray[np.float32] = np.float32(kept) * old + np.float32(1.0 - kept) * new
    return mixed


def _ratio(target: NDArray[np.float32], around: NDArray[np.float32]) -> NDArray[np.float32]:
    ratio: NDArray[np.float32] = (
        np.float32(255.0) * target / (target + np.float32(_AROUND) * around + np.float32(_LEAST))
    )
    return ratio
