"""Quality and speed of perception: tables on the terminal, and flat figures in a JSON file.

    python benchmarks/perception.py [--reconstruction] [--prediction] [--localizers] [--speed]
                                    [--episodes N] [--json FILE]

Without a choice of parts all but the localizers are measured. Quality is measured on seeded worlds and repeats; the
real pedestrian tracks are looked for in ../shared/data/trajectories, or where --tracks says. Times are medians of
rounds in one process: on a shared machine only ratios within one run mean anything.
"""

import argparse
import json
from pathlib import Path

from perception_parts import localizers, pictures, prediction, reconstruction, speed

PARTS = ("reconstruction", "prediction", "localizers", "speed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help=f"measure the {part}")
    parser.add_argument("--episodes", type=int, default=8, help="of each family and noise (default: 8)")
    parser.add_argument("--steps", type=int, default=200, help="of an episode (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the first episode (default: 0)")
    parser.add_argument("--tracks", type=Path, help="folder of real pedestrian tracks")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw typical and worst cases instead")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    options = parser.parse_args()
    if options.pictures:
        pictures.draw(options.pictures, options.seed)
        return
    chosen = [part for part in PARTS if getattr(options, part)] or [part for part in PARTS if part != "localizers"]
    quality = {"episodes": options.episodes, "seed": options.seed}
    figures: dict[str, float] = {}
    if "reconstruction" in chosen:
        figures |= reconstruction.measure(**quality, steps=options.steps)
    if "prediction" in chosen:
        figures |= prediction.measure(**quality, tracks=options.tracks)
    if "localizers" in chosen:
        figures |= localizers.measure(**quality, steps=options.steps)
    if "speed" in chosen:
        figures |= speed.measure()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
