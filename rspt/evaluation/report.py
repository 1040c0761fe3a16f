"""The report of an evaluation: one page that opens without a network."""

import base64
import html
import json
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from tqdm import tqdm

from rspt.evaluation.films import filmed
from rspt.evaluation.results import Line, Results, tracks_of
from rspt.evaluation.scenes import Blob, Layouts, compressed, pack_layout, pack_track
from rspt.evaluation.summary import Summary, as_json
from rspt.training.whole_files import replace_whole

REPORT = "report.html"
FILMS_MAX = 30
_FILM_BYTES_MAX = 7_000_000
"""Of all films together: the page must stay small enough to be sent."""
_EPISODE_KEYS = (
    "seed", "success", "success_safe", "episode_return", "length", "visible_share", "contacts", "end_reason", "error",
)  # fmt: skip


def write_report(
    results: Results,
    summary: Summary,
    path: Path,
    *,
    films: int = FILMS_MAX,
    workers: int = 1,
    trust_pickle: bool = False,
) -> None:
    """Write the page.

    Args:
        results: of an evaluation, or of several that are joined.
        summary: of them.
        path: of the page.
        films: so many episodes at most are filmed, failures first.
        workers: processes that film.
        trust_pickle: whether models may be loaded that can run code.

    Raises:
        UsageError: if the results lack tracks, or a map has changed.
    """
    blob = Blob()
    data = _data(results, summary, blob)
    wanted = to_film(results.lines, films)
    shown, total = [], 0
    made = filmed(results, wanted, workers=workers, trust_pickle=trust_pickle)
    for line, film in tqdm(made, total=len(wanted), unit="film", disable=None, leave=False, file=sys.stderr):
        if film is not None and total + len(film) <= _FILM_BYTES_MAX:
            total += len(film)
            shown.append({"episode": results.lines.index(line), "mp4": base64.b64encode(film).decode()})
    data["films"] = [film["episode"] for film in shown]
    page = _part("page.html")
    for name, text in {
        "title": html.escape(f"{results.about['suite']['title']} - rspt"),
        "style": _part("page.css"),
        "script": _part("page.js"),
        "data": compressed(json.dumps(data, allow_nan=False).encode()),
        "blob": blob.text(),
        "films": "".join(
            f'<script type="text/plain" id="film-{film["episode"]}">{film["mp4"]}</script>\n' for film in shown
        ),
    }.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    replace_whole(path, page.encode())


def to_film(lines: Sequence[Line], most: int) -> list[Line]:
    """The episodes that are worth a film: of each agent the one that tells most, then failures, touches and the rest.

    Within these each agent has its turn, so that none takes all films.
    """
    ranked: dict[tuple[int, str, int], list[Line]] = {}
    for line in lines:
        rank = 0 if not line["success"] else (1 if not line["success_safe"] else 2)
        turns = sum(len(some) for (other, agent, _), some in ranked.items() if (other, agent) == (rank, line["agent"]))
        ranked.setdefault((rank, line["agent"], turns), []).append(line)
    agents = {agent for _, agent, _ in ranked}
    first = {min(key for key in ranked if key[1] == agent) for agent in agents}
    order = sorted(ranked, key=lambda key: (key not in first, key[0], key[2]))
    return [line for key in order for line in ranked[key]][:most]


def _data(results: Results, summary: Summary, blob: Blob) -> dict[str, Any]:
    about = results.about
    layouts, packed = Layouts(about["grounds"]), dict[str, int]()
    drawn: list[dict[str, Any]] = []
    episodes = []
    agents, grounds = list(about["agents"]), [ground["label"] for ground in about["grounds"]]
    conditions = list(about["suite"]["conditions"])
    for line, track in zip(results.lines, tracks_of(results), strict=True):
        if line["layout_hash"] not in packed:
            packed[line["layout_hash"]] = len(drawn)
            drawn.append(pack_layout(layouts.of(line), blob))
        episodes.append(
            {
                "agent": agents.index(line["agent"]),
                "ground": grounds.index(line["ground"]),
                "condition": conditions.index(line["condition"]),
                "layout": packed[line["layout_hash"]],
                "track": pack_track(track, blob),
                **{key: line[key] for key in _EPISODE_KEYS},
            }
        )
    return {
        "title": about["suite"]["title"],
        "version": about["suite"]["version"],
        "conditions": about["suite"]["conditions"],
        "grounds": about["grounds"],
        "run": about["run"],
        "skipped": about["skipped"],
        "summary": json.loads(as_json(summary, results)),
        "layouts": drawn,
        "episodes": episodes,
    }


def _part(name: str) -> str:
    return (resources.files("rspt.evaluation") / "page" / name).read_text(encoding="utf-8")
