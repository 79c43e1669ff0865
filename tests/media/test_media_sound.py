"""Sound in step with what is written: copied or encoded anew, late, paused, cut, absent."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import CLICK_EVERY_S, heard, make_sound, make_video, numbers, stamp
from written_media import write

from motionimit.media.reader import probe

CODEC_FRAME = {"aac": 1024, "opus": 960, "mp3float": 1152, "mp3": 1152}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """4 s of numbered pictures with clicks, in several containers and sound codecs."""
    folder = tmp_path_factory.mktemp("sources")
    frames = [stamp(i) for i in range(100)]
    return {
        "aac": make_video(folder / "aac.mp4", frames, sound=("aac", 44100)),
        "opus": make_video(folder / "opus.webm", frames, codec="libvpx-vp9", sound=("libopus", 48000), options={"cpu-used": "8"}),
        "mp3": make_video(folder / "mp3.mkv", frames, sound=("libmp3lame", 44100)),
        "ts": make_video(folder / "aac.ts", frames, sound=("aac", 48000)),
        "silent": make_video(folder / "silent.mp4", frames[:30]),
    }


@pytest.mark.parametrize("start_s", [0.0, 1.3])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("source", ["aac", "opus", "mp3", "ts"])
def test_sound_is_in_step_and_as_long_as_the_picture(
    tmp_path: Path, sources: dict[str, Path], source: str, suffix: str, start_s: float
) -> None:
    path, fps, count = tmp_path / f"o.{suffix}", Fraction(25), 50
    assert write(path, count, fps, audio_from=sources[source], start_s=start_s) == []
    codec, samples, first_s, clicks_s = heard(path)
    zero_s = round(Fraction(start_s) * fps) / fps
    expected = np.arange(0, 4, CLICK_EVERY_S) - float(zero_s)
    expected = expected[(expected > -0.001) & (expected < count / fps - 0.001)]
    # Matroska sources have time stamps in whole milliseconds
    worst_ms = np.abs(clicks_s[: len(expected)] - expected).max() * 1000
    assert len(clicks_s) >= len(expected)
    assert worst_ms <= (1.5 if source in ("opus", "mp3") else 1.0), f"clicks are up to {worst_ms:.2f} ms off in {codec}"
    assert first_s <= 0.001, f"sound begins at {first_s * 1000:.1f} ms"
    rate = 48000 if source in ("opus", "ts") or suffix == "webm" else 44100
    end_off = samples + round(first_s * rate) - round(count / fps * rate)
    assert abs(end_off) <= CODEC_FRAME[codec], f"{end_off} samples too many in {codec}"


def test_packets_are_copied_where_the_container_takes_them(tmp_path: Path, sources: dict[str, Path]) -> None:
    def payloads(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    for source, suffix in (("aac", "mp4"), ("aac", "mov"), ("opus", "webm"), ("mp3", "mp4"), ("opus", "mkv")):
        if source != "aac" and int(av.__version__.split(".")[0]) < 15:
            continue  # re-encoded there, see audio.py
        write(tmp_path / f"o.{suffix}", 50, audio_from=sources[source])
        original, copied = payloads(sources[source]), payloads(tmp_path / f"o.{suffix}")
        assert len(copied) >= 50
        assert original[: len(copied)] == copied, f"{source} into {suffix} was not a copy"
    write(tmp_path / "o.mp4", 50, audio_from=sources["opus"])
    assert heard(tmp_path / "o.mp4")[0] == "aac"


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    late = make_video(tmp_path / "late.mp4", [stamp(i) for i in range(50)], sound=("aac", 48000), sound_late_s=Fraction(3, 10))
    for suffix in ("mp4", "mkv", "webm"):
        write(tmp_path / f"o.{suffix}", 50, audio_from=late)
        _, _, _, clicks_s = heard(tmp_path / f"o.{suffix}")
        assert np.abs(clicks_s[:3] - [0.3, 0.8, 1.3]).max() <= 0.002, f"{suffix}: clicks at {clicks_s}"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize("source", ["aac", "opus"])
def test_sound_waits_in_a_pause_and_goes_on(tmp_path: Path, sources: dict[str, Path], source: str, suffix: str) -> None:
    path, pause_s = tmp_path / f"o.{suffix}", (Fraction(3, 5), Fraction(4, 5))
    assert write(path, 80, audio_from=sources[source], start_s=1.0, pause_s=pause_s) == []
    codec, _, first_s, clicks_s = heard(path)
    expected = np.array([0, 0.5, 1.8, 2.3, 2.8])
    assert len(clicks_s) == len(expected), f"clicks at {clicks_s}"
    worst_ms = np.abs(clicks_s - expected).max() * 1000
    assert worst_ms <= 1.5 and first_s <= 0.001, f"clicks are up to {worst_ms:.2f} ms off in {codec}"


def test_a_pause_after_the_end_of_the_sound_changes_nothing(tmp_path: Path, sources: dict[str, Path]) -> None:
    write(tmp_path / "o.mp4", 25, audio_from=sources["aac"], pause_s=(Fraction(30), Fraction(1)))
    assert np.abs(heard(tmp_path / "o.mp4")[3] - [0, 0.5]).max() <= 0.001


def test_sound_ends_with_duration_or_is_absent(tmp_path: Path, sources: dict[str, Path]) -> None:
    write(tmp_path / "o.webm", 50, audio_from=sources["aac"], duration_s=1.0)
    assert abs(heard(tmp_path / "o.webm")[1] - 48000) <= 960
    for kind, start_s in (("silent", 0.0), ("aac", 30.0)):
        assert write(tmp_path / "o.mp4", 5, audio_from=sources[kind], start_s=start_s) == []
        assert not probe(tmp_path / "o.mp4").has_audio


def test_sound_from_a_sound_file_and_from_a_broken_one(tmp_path: Path) -> None:
    sound = make_sound(tmp_path / "s.m4a", seconds=3.0)
    assert write(tmp_path / "o.mp4", 50, audio_from=sound, start_s=1.0) == []
    assert np.abs(heard(tmp_path / "o.mp4")[3] - np.arange(len(heard(tmp_path / "o.mp4")[3])) / 2).max() <= 0.001
    (tmp_path / "bad.mp3").write_bytes(b"ID3" + bytes(3000))
    notes = write(tmp_path / "o.mp4", 5, audio_from=tmp_path / "bad.mp3")
    assert len(notes) == 1, "a broken sound file must not stop the video, only be reported"
    assert "silent" in notes[0]
    assert numbers(tmp_path / "o.mp4") == list(range(5))


def test_sound_and_picture_are_interleaved_and_the_index_stands_first(tmp_path: Path) -> None:
    source = make_video(tmp_path / "s.mp4", [stamp(i) for i in range(250)], sound=("aac", 44100), options={"preset": "ultrafast"})
    path = tmp_path / "o.mp4"
    write(path, 250, audio_from=source)
    with av.open(str(path)) as container:
        packets = sorted((p.pos, p.stream.type, float(p.pts * p.time_base)) for p in container.demux() if p.size)
    latest = {"video": 0.0, "audio": 0.0}
    worst_s = 0.0
    for _, kind, time_s in packets:
        latest[kind] = max(latest[kind], time_s)
        worst_s = max(worst_s, abs(latest["video"] - latest["audio"]))
    assert worst_s < 1.5, f"sound and picture lie {worst_s:.1f} s apart in the file"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
