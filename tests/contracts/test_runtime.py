"""Clock, memory, device, caches."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from motionimit.errors import BadUsage
from motionimit.runtime import StageClock, cache_dir, pick_device, quiet_stderr


def test_clock_adds_up_over_threads() -> None:
    clock = StageClock()

    def work() -> None:
        for _ in range(5):
            with clock.stage("a"):
                time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy = clock.seconds["a"]
    assert 0.2 <= busy < 2.0, f"20 x 10 ms in four threads were booked as {busy:.3f} s"


def test_clock_books_the_producer_not_the_consumer() -> None:
    clock = StageClock()

    def slow() -> object:
        for i in range(5):
            time.sleep(0.01)
            yield i

    items = []
    for item in clock.timed("produce", slow()):
        time.sleep(0.05)
        items.append(item)
    assert items == [0, 1, 2, 3, 4]
    assert 0.05 <= clock.seconds["produce"] < 0.2, clock.seconds


def test_clock_books_a_stage_that_fails() -> None:
    clock = StageClock()

    def fail() -> None:
        with clock.stage("a"):
            time.sleep(0.01)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert clock.seconds["a"] >= 0.01


PEAK = "from motionimit.runtime import peak_rss_mb\nbefore = peak_rss_mb()\n"


def test_peak_memory_sees_an_allocation_in_mb() -> None:
    code = PEAK + "block = b'x' * 300_000_000\ndel block\nprint(peak_rss_mb() - before)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert 290 < float(result.stdout) < 330, f"a passing allocation of 300 MB moved the peak by {result.stdout.strip()} MB"


def test_peak_memory_of_a_child_is_its_own() -> None:
    block = b"x" * 400_000_000
    result = subprocess.run(
        [sys.executable, "-c", PEAK + "print(before)"], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(result.stdout) < 200, (
        f"a bare child reports {result.stdout.strip()} MB while its parent holds {len(block) / 1e6:.0f}"
    )


def test_devices() -> None:
    import torch

    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(BadUsage, match="--device cuda:99"):
        pick_device("cuda:99")


def test_cache_folder_follows_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONIMIT_CACHE", str(tmp_path / "kernels"))
    assert cache_dir() == tmp_path / "kernels"
    assert cache_dir().is_dir()


def test_cache_folder_falls_back_where_home_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("MOTIONIMIT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_dir().is_dir()


def test_native_messages_are_kept_back_and_the_channel_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Two threads that overlap without nesting: whoever restored first would take the channel from the other, or for ever."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with quiet_stderr():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second() -> None:
        first_in.wait(10)
        with quiet_stderr():
            second_in.set()
            first_out.wait(10)
            os.write(2, b"noise from C++\n")

    threads = [threading.Thread(target=f) for f in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"for the user\n")
    assert capfd.readouterr().err == "for the user\n"


def test_warp_starts_without_a_word(tmp_path: Path) -> None:
    code = "from motionimit.runtime import init_warp; init_warp(); import os; os.write(2, b'end')"
    environment = {**os.environ, "MOTIONIMIT_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=100)
    assert (result.stdout, result.stderr) == ("", "end")
