"""Videos are whole or absent."""

import av
import numpy as np
import pytest

from rspt.video import VideoWriter


def frames_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        return float(stream.average_rate), [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def test_pictures_come_back_with_an_even_size(tmp_path):
    path = tmp_path / "new folder" / "a b.mp4"
    with VideoWriter(path, fps=20) as video:
        for shade in range(10):
            video.add(np.full((47, 63, 3), 20 * shade, dtype=np.uint8))
    rate, frames = frames_of(path)
    assert rate == 20
    assert len(frames) == 10
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], 20 * np.arange(10), atol=4)
    assert list(path.parent.iterdir()) == [path]


def test_the_index_comes_first_so_that_a_browser_starts_at_once(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps=10) as video:
        video.add(np.zeros((16, 16, 3), dtype=np.uint8))
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_what_was_played_before_an_interruption_is_kept(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "a.mp4", fps=10) as video:
        for _ in range(3):
            video.add(np.zeros((16, 16, 3), dtype=np.uint8))
        raise KeyboardInterrupt
    assert len(frames_of(tmp_path / "a.mp4")[1]) == 3


def test_without_a_picture_there_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps=10):
        pass
    assert not list(tmp_path.iterdir())


def test_an_older_video_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with VideoWriter(path, fps=10) as video:
        video.add(np.zeros((16, 16, 3), dtype=np.uint8))
        assert path.read_bytes() == b"old"
    assert len(frames_of(path)[1]) == 1


def test_a_failing_encoder_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), VideoWriter(tmp_path / "a.mp4", fps=10) as video:
        monkeypatch.setattr(video, "_write", full)
        video.add(np.zeros((16, 16, 3), dtype=np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "picture", [np.zeros((16, 16), np.uint8), np.zeros((16, 16, 3)), np.zeros((0, 16, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(tmp_path, picture):
    with pytest.raises(ValueError, match="must be"), VideoWriter(tmp_path / "a.mp4", fps=10) as video:
        video.add(picture)
    assert not list(tmp_path.iterdir())


def test_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(16, 16\)"), VideoWriter(tmp_path / "a.mp4", fps=10) as video:
        video.add(np.zeros((16, 16, 3), dtype=np.uint8))
        video.add(np.zeros((18, 16, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="fps"):
        VideoWriter(tmp_path / "a.mp4", fps=0)
