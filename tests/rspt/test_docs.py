"""The documents agree with the code."""

from pathlib import Path

import pytest

from envs.settings import described
from rspt.perceiver import PerceptionSettings
from rspt.perception.reconstruction import MapSettings
from rspt.perception.state import MAP_CHANNELS, VECTOR_ENTRIES, Entry
from rspt.perception.window import EgoWindow
from rspt.privileged import PRIVILEGED_ENTRIES

DOCS = Path(__file__).parents[2] / "docs"


def table_of(entries: tuple[Entry, ...]) -> str:
    rows = ["| entry | first | width | range | 1.0 is | meaning |", "|---|---|---|---|---|---|"]
    first = 0
    for entry in entries:
        unit = "" if entry.unit == "1" else f"{entry.scale:.4g} {entry.unit}"
        bounds = f"{entry.low:g} to {entry.high:g}"
        rows.append(f"| `{entry.name}` | {first} | {entry.width} | {bounds} | {unit} | {entry.meaning} |")
        first += entry.width
    return "\n".join([*rows, f"| | {first} | | | | |"])


def state_page() -> str:
    window = EgoWindow()
    ahead = window.size_m - window.behind_m
    channels = "\n".join(
        f"| {number} | `{channel.name}` | {channel.meaning} |" for number, channel in enumerate(MAP_CHANNELS)
    )
    return f"""# The structure-aware state

The observation of `RSPT/TrackState-v0`, and what `rspt.perception.Perception.update` returns: a dictionary of `map`
and `vector`. `python tests/rspt/test_docs.py` renews this page from `rspt/perception/state.py`.

## `map`: ({len(MAP_CHANNELS)}, {window.cells}, {window.cells}), float32 in [0, 1]

A square of {window.cells} x {window.cells} cells of {window.cell_m} m that moves and turns with the robot:
row 0 is {ahead:.1f} m ahead, the last row {window.behind_m} m behind, column 0 {window.size_m / 2:.1f} m to the left.
The centre of row i and column j lies at x = ({window.cells} - 0.5 - i) {window.cell_m} m - {window.behind_m} m,
y = ({window.cells // 2} - 0.5 - j) {window.cell_m} m.

| channel | name | meaning |
|---|---|---|
{channels}

## `vector`: ({sum(entry.width for entry in VECTOR_ENTRIES)},), float32

Each number is a value in its unit divided by what 1.0 stands for, and clipped to its range.
`rspt.perception.state.entry_of(vector, "target_position")` gives an entry in its unit.

{table_of(VECTOR_ENTRIES)}

## `privileged`: ({sum(entry.width for entry in PRIVILEGED_ENTRIES)},), float32

For critics and teachers in training (`rspt.privileged.privileged_vectors`); no part of any observation of the tracker.

{table_of(PRIVILEGED_ENTRIES)}

## Arguments

Of `RSPT/TrackState-v0`, beside those of `RSPT/Track-v0`:

{described(PerceptionSettings)}
"""


def test_the_page_of_the_state_is_that_of_the_code():
    """To renew it: python tests/rspt/test_docs.py."""
    assert (DOCS / "state.md").read_text(encoding="utf-8") == state_page()


def test_the_settings_of_the_map_are_documented():
    text = (DOCS / "perception.md").read_text(encoding="utf-8")
    for name in MapSettings.__dataclass_fields__:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("section", ["Localisation", "Reconstruction", "Prediction", "Speed"])
def test_figures_come_with_the_command_that_gives_them(section):
    text = (DOCS / "perception.md").read_text(encoding="utf-8")
    assert "python benchmarks/perception" in text.split(f"\n## {section}\n")[1].split("\n## ")[0]


if __name__ == "__main__":
    (DOCS / "state.md").write_text(state_page(), encoding="utf-8")
