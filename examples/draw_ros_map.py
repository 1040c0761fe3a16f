"""A floor plan drawn in code and saved as the ROS map that a robot's laser would have made of it.

    python examples/draw_ros_map.py --out my_flat
    rspt layouts my_flat/map.yaml --out flat.png
    rspt evaluate --suite real --layouts my_flat/map.yaml --agents pretrained pid

So was `configs/maps/flat` made, the building that `rspt demo` plays beside the families of layouts. A map of your own
robot (`map.yaml` with its picture, as `map_server` saves it) is used in the same way.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

RESOLUTION_M = 0.05
SIZE_M = 20.0, 14.0
FREE, OCCUPIED, UNKNOWN = 254, 0, 205

WALLS_M = [  # x, y, width, height of what stops a laser; the doors are the gaps
    (0.5, 0.5, 19.0, 0.15), (0.5, 13.35, 19.0, 0.15), (0.5, 0.5, 0.15, 13.0), (19.35, 0.5, 0.15, 13.0),
    (0.5, 5.6, 2.0, 0.12), (3.7, 5.6, 4.6, 0.12), (9.6, 5.6, 5.2, 0.12), (16.1, 5.6, 3.3, 0.12),
    (0.5, 8.3, 3.4, 0.12), (5.2, 8.3, 4.0, 0.12), (10.5, 8.3, 3.2, 0.12), (15.0, 8.3, 4.4, 0.12),
    (6.2, 0.5, 0.12, 5.1), (12.6, 0.5, 0.12, 1.7), (12.6, 3.5, 0.12, 2.1),
    (7.4, 8.3, 0.12, 1.4), (7.4, 11.0, 0.12, 2.4), (13.2, 8.3, 0.12, 5.1),
]  # fmt: skip
FURNITURE_M = [  # sofas, shelves, a kitchen, desks, a bed
    (1.0, 0.9, 2.2, 0.9), (1.0, 3.9, 0.5, 1.5), (4.9, 2.0, 1.0, 1.6), (6.6, 0.7, 3.6, 0.6), (8.6, 3.0, 1.2, 0.9),
    (11.7, 4.2, 0.8, 1.2), (15.2, 2.2, 1.8, 1.0), (17.8, 0.8, 1.4, 0.6), (13.0, 0.8, 0.6, 1.2), (1.0, 11.0, 1.6, 2.0),
    (4.4, 12.7, 1.8, 0.6), (3.4, 10.0, 0.7, 0.7), (8.2, 12.4, 1.6, 0.8), (10.6, 10.2, 1.4, 0.8), (12.2, 12.4, 0.8, 0.8),
    (14.0, 12.4, 2.6, 0.8), (17.0, 9.6, 1.6, 0.9), (16.2, 11.0, 0.5, 0.5),
]  # fmt: skip
LEGS_M = [
    (8.4, 2.2), (9.9, 2.2), (8.4, 4.2), (9.9, 4.2), (14.6, 10.0), (15.4, 10.6), (14.5, 11.2), (5.4, 10.6), (6.2, 9.6),
]  # fmt: skip


def drawn(rng: np.random.Generator) -> np.ndarray:
    """The map as a picture (H, W), its first row the north."""
    width, height = (round(side / RESOLUTION_M) for side in SIZE_M)
    y, x = (np.indices((height, width)) + 0.5) * RESOLUTION_M
    solid = np.zeros((height, width), dtype=bool)
    for left, low, wide, deep in WALLS_M + FURNITURE_M:
        solid |= (left <= x) & (x < left + wide) & (low <= y) & (y < low + deep)
    for leg_x, leg_y in LEGS_M:
        solid |= np.hypot(x - leg_x, y - leg_y) < 0.08
    rooms, _ = ndimage.label(~solid)
    inside = rooms == rooms[int(7.0 / RESOLUTION_M), int(2.0 / RESOLUTION_M)]  # all that can be driven to from the hall
    seen = solid & ndimage.binary_dilation(inside, iterations=2)  # a laser sees the face of things, not what is within
    frayed = ndimage.binary_dilation(seen) & ~seen & inside & (rng.random(seen.shape) < 0.25)
    missed = seen & (rng.random(seen.shape) < 0.06)
    picture = np.full(seen.shape, UNKNOWN, dtype=np.uint8)
    picture[inside] = FREE
    picture[(seen & ~missed) | frayed] = OCCUPIED
    picture[inside & (rng.random(seen.shape) < 0.00015)] = OCCUPIED  # somebody walked by
    return picture[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of map.yaml and map.png")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "map.png"), drawn(np.random.default_rng(0)))
    (out / "map.yaml").write_text(
        f"image: map.png\nresolution: {RESOLUTION_M}\norigin: [0.0, 0.0, 0.0]\n"
        "negate: 0\noccupied_thresh: 0.65\nfree_thresh: 0.196\n"
    )
    print(out / "map.yaml")


if __name__ == "__main__":
    main()
