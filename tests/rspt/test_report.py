"""The page of an evaluation: whole, without a network, and moving in a real browser."""

import base64
import gzip
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from envs.layouts.layout import Layout, Prisms
from rspt.cli import main
from rspt.evaluation.report import to_film
from rspt.evaluation.results import read_results, tracks_of
from rspt.evaluation.scenes import EVERY_STEPS, YAW_UNITS, Blob, pack_layout, pack_track
from rspt.evaluation.tape import CONTACT, VISIBLE, Track

EPISODES, FILMS = 3, 2


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "paged"
    arguments = ["--suite", "stress", "--layouts", "maze", "parking", "--targets", "goal", "evade"]
    made = ["evaluate", *arguments, "--agents", "oracle", "pid", "--episodes", str(EPISODES), "--workers", "1"]
    assert main([*made, "--films", str(FILMS), "--out", str(out)]) == 0
    return out


def unpacked(page: str, name: str) -> bytes:
    text = re.search(rf'<script type="text/plain" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    return gzip.decompress(base64.b64decode(text[1]))


def test_the_page_holds_all_episodes_and_asks_for_nothing(evaluated):
    page = (evaluated / "report.html").read_text()
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?:https?:)?//', page)
    assert "@import" not in page
    assert "{{" not in re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)
    data = json.loads(unpacked(page, "data"))
    lines = read_results(evaluated).lines
    assert len(data["episodes"]) == len(lines) == 2 * 2 * 2 * EPISODES
    assert [e["seed"] for e in data["episodes"]] == [line["seed"] for line in lines]
    assert len(data["layouts"]) == 2 * EPISODES  # each once, whoever plays in it
    films = re.findall(r'id="film-(\d+)">([^<]+)</script>', page)
    assert len(films) == FILMS == len(data["films"])
    for index, film in films:
        assert base64.b64decode(film)[4:8] == b"ftyp"
        filmed = data["episodes"][int(index)]
        alike = [episode for episode in data["episodes"] if episode["agent"] == filmed["agent"]]
        assert filmed["success"] == all(episode["success"] for episode in alike)  # failures first
    assert {data["episodes"][int(index)]["agent"] for index, _ in films} == {0, 1}
    assert set(data["run"]["milliseconds_per_action"]) == {"oracle", "pid"}


def test_tracks_come_out_as_they_went_in(evaluated):
    page = (evaluated / "report.html").read_text()
    data, blob = json.loads(unpacked(page, "data")), unpacked(page, "blob")
    results = read_results(evaluated)
    for episode, track in zip(data["episodes"], tracks_of(results), strict=True):
        places, yaws, events = read(episode["track"], blob)
        kept = [*range(0, len(track.poses), EVERY_STEPS)]
        kept += [len(track.poses) - 1] if kept[-1] != len(track.poses) - 1 else []
        np.testing.assert_array_equal(places, track.poses[kept][..., :2].transpose(1, 2, 0))
        wanted = track.poses[kept, :, 2].T * np.pi / 30_000
        off = np.remainder(yaws - wanted + np.pi, 2 * np.pi) - np.pi
        assert np.abs(off).max() <= np.pi / YAW_UNITS + 1e-3
        assert (events & CONTACT > 0).any() == (track.events & CONTACT > 0).any()


def read(packed, blob):
    n, movers, at = packed["n"], packed["movers"], packed["at"]
    places = np.frombuffer(blob, "<i2", 2 * movers * n, at[0]).reshape(movers, 2, n).astype(int).cumsum(axis=2)
    yaws = np.frombuffer(blob, "u1", movers * n, at[1]).reshape(movers, n).astype(int).cumsum(axis=1) % YAW_UNITS
    return places, yaws * (2 * np.pi / YAW_UNITS), np.frombuffer(blob, "u1", n, at[2])


@pytest.mark.parametrize(
    ("steps", "kept", "events"),
    [
        (0, [0], [VISIBLE]),
        (1, [0, 1], [VISIBLE, CONTACT]),
        (4, [0, 2, 4], [VISIBLE, VISIBLE | CONTACT, VISIBLE]),
        (5, [0, 2, 4, 5], [VISIBLE, VISIBLE | CONTACT, VISIBLE, CONTACT]),
    ],
)
def test_what_happens_between_two_shown_steps_is_not_lost(steps, kept, events):
    poses = np.arange(3 * 2 * (steps + 1)).reshape(steps + 1, 2, 3).astype(np.int16)
    happened = np.array([VISIBLE, CONTACT, VISIBLE, VISIBLE, VISIBLE, CONTACT], dtype=np.uint8)[: steps + 1]
    blob = Blob()
    packed = pack_track(Track(poses, happened), blob)
    places, _, told = read(packed, gzip.decompress(base64.b64decode(blob.text())))
    assert places[0, 0].tolist() == poses[kept, 0, 0].tolist()
    assert told.tolist() == events


def test_a_layout_is_packed_without_what_nobody_meets():
    boxes = Prisms.boxes(
        [[1.0, 2.0], [3.0, 4.0], [5.0, 5.0]], [0.5, 0.25], yaw=[0.1, -0.2, 0.0], z=[[0, 2], [0, 0.5], [2.2, 2.5]]
    )
    layout = Layout(
        name="x",
        bounds=(0.0, 0.0, 10.0, 8.0),
        prisms=Prisms.concatenate([boxes, Prisms.cylinders([[7.0, 1.0]], 0.3, z=(0, 2))]),
    )
    blob = Blob()
    packed = pack_layout(layout, blob)
    table = np.frombuffer(gzip.decompress(base64.b64decode(blob.text())), "<i2").reshape(7, packed["prisms"])
    assert packed["bounds"] == [0.0, 0.0, 10.0, 8.0]
    assert table.T.tolist() == [
        [0, 0, 300, 400, 50, 25, -2000],  # the low one first, so that tall ones are drawn over it
        [0, 1, 100, 200, 50, 25, 1000],
        [1, 1, 700, 100, 30, 30, 0],
    ]


def test_films_are_of_failures_first_and_of_every_agent():
    def line(agent, success, safe=True):
        return {"agent": agent, "success": success, "success_safe": success and safe}

    lines = [line("a", True), *[line("a", False)] * 3, line("b", True, safe=False), line("b", False)]
    order = to_film(lines, 10)
    assert [(one["agent"], one["success"]) for one in order] == [
        ("a", False), ("b", False), ("a", False), ("a", False), ("b", True), ("a", True),
    ]  # fmt: skip
    easy = [*[line("a", False)] * 5, line("c", True), line("c", True, safe=False)]
    assert [(one["agent"], one["success_safe"]) for one in to_film(easy, 3)] == [
        ("a", False),
        ("c", False),
        ("a", False),
    ]  # of each agent one, and not its dullest
    assert len(to_film(lines, 2)) == 2
    assert to_film(lines, 0) == []


def test_evaluations_are_compared_on_one_page(evaluated, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(evaluated, other)
    page = tmp_path / "both.html"
    assert main(["report", str(evaluated), str(other), "--out", str(page), "--films", "0", "--workers", "1"]) == 0
    data = json.loads(unpacked(page.read_text(), "data"))
    assert list(data["summary"]["agents"]) == ["oracle (paged)", "pid (paged)", "oracle (other)", "pid (other)"]
    assert len(data["episodes"]) == 2 * len(read_results(evaluated).lines)
    same = [d for d in data["summary"]["differences"] if d["agent"] == "oracle (other)"]
    assert all(d["interval"] == [0.0, 0.0, 0.0] and d["p"] == 1.0 for d in same)
    about = json.loads((other / "evaluation.json").read_text())
    about["suite"]["version"] = "stress-v2"
    (other / "evaluation.json").write_text(json.dumps(about))
    assert main(["report", str(evaluated), str(other), "--out", str(page)]) == 2
    assert "only the same ones can be compared" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--out", str(page)]) == 2
    assert "holds no evaluation" in capsys.readouterr().err
    assert main(["report", str(evaluated), "--out", str(tmp_path / "page.pdf")]) == 2
    assert main(["report", str(evaluated), "--baseline", "nobody", "--out", str(page)]) == 2


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("there is no chromium with its driver here")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def until(browser, script: str, wanted, seconds: float = 30.0):
    end = time.monotonic() + seconds
    while (found := browser.execute_script(f"return {script}")) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert found == wanted, script


def test_a_browser_shows_it_and_the_player_moves(evaluated, browser):
    browser.get((evaluated / "report.html").as_uri())
    until(browser, "document.documentElement.dataset.ready", "yes")
    assert browser.get_log("browser") == []
    assert "oracle kept its target" in browser.find_element("id", "lead").text
    assert len(browser.find_elements("css selector", "#table tbody tr")) == 2
    assert len(browser.find_elements("css selector", "#plot-grounds circle")) == 2 * 3  # two families and both together
    scene = "document.getElementById('scene').toDataURL()"
    for film in (True, False):
        index = browser.execute_script(
            "const is = (e, i) => !!document.getElementById(`film-${i}`) === arguments[0] && e.length > 60;"
            "return data.episodes.findIndex(is)",
            film,
        )
        browser.execute_script("showEpisode(arguments[0])", index)
        assert browser.find_element("id", "film").is_displayed() == film
        before = browser.execute_script(f"return {scene}")
        browser.find_element("id", "play").click()
        until(browser, "state.frame > 5", True)
        browser.find_element("id", "play").click()
        assert browser.execute_script(f"return {scene}") != before
        until(browser, "state.playing", False)
    browser.execute_script("showFrame(3)")
    body = browser.find_element("css selector", "body")
    body.send_keys("\ue014")  # right
    until(browser, "state.frame", 4)
    body.send_keys("\ue012")  # left
    until(browser, "state.frame", 3)
    body.send_keys("f")
    until(browser, "data.episodes[state.episode].success", False)
    episode = browser.execute_script("return state.episode")
    body.send_keys("n")
    assert browser.execute_script("return state.episode") != episode
    browser.find_element("css selector", "#failures button").click()
    until(browser, "data.episodes[state.episode].success", False)
    browser.find_elements("css selector", "#conditions button")[1].click()
    until(browser, "state.condition", 1)
    assert "target evade" in browser.find_element("id", "lead").text
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_the_colours_that_are_asked_for(evaluated, browser, width, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get((evaluated / "report.html").as_uri())
        until(browser, "document.documentElement.dataset.ready", "yes")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        dark = browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 27)"
        assert dark == (scheme == "dark")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
