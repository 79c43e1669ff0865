"""The sample clip's sound: three bars of drums, bass and chords at 120 beats per minute, synthesised from sines and noise."""

from __future__ import annotations

import numpy as np

RATE = 44100
BEAT_S = 0.5
CHORDS = ((57, 60, 64, 67), (53, 57, 60, 64), (55, 59, 62, 65))  # MIDI: Am7, Fmaj7, G7, one per bar


def song(duration_s: float, seed: int) -> np.ndarray:
    """[2, N] float32 in -1..1."""
    rng = np.random.default_rng(seed)
    mix = np.zeros((2, round(duration_s * RATE)))
    beats = int(np.ceil(duration_s / BEAT_S))
    for half in range(2 * beats):
        at = half * BEAT_S / 2
        beat, off = divmod(half, 2)
        chord = CHORDS[(beat // 4) % len(CHORDS)]
        if not off:
            _add(mix, _kick(), at, 0.9, 0.0)
            if beat % 2:
                _add(mix, _snare(rng), at, 0.45, 0.05)
        _add(mix, _hat(rng, 0.16 if off else 0.05), at, 0.22 if off else 0.14, 0.3)
        if half % 8 in (0, 3, 4, 6):
            _add(mix, _bass(chord[0] - 24, 0.22), at, 0.42, 0.0)
        if off:
            for k, note in enumerate(chord):
                _add(mix, _pluck(note, 0.3), at, 0.11, -0.5 + k / 3)
    end = min(int(0.05 * RATE), mix.shape[1])
    mix[:, -end:] *= np.linspace(1, 0, end)
    return (0.6 * np.tanh(1.1 * mix)).astype(np.float32)  # AAC overshoots sharp onsets by almost a half


def _add(mix: np.ndarray, sound: np.ndarray, at_s: float, gain: float, pan: float) -> None:
    start = int(at_s * RATE)
    sound = gain * sound[: max(mix.shape[1] - start, 0)]
    angle = (pan + 1) * np.pi / 4
    mix[0, start : start + len(sound)] += 1.414 * np.cos(angle) * sound
    mix[1, start : start + len(sound)] += 1.414 * np.sin(angle) * sound


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _hz(note: int) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


def _kick() -> np.ndarray:
    t = _time(0.28)
    return np.sin(2 * np.pi * (48 * t + 5.5 * (1 - np.exp(-t * 28)))) * np.exp(-t * 13)


def _snare(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.2)
    return 0.8 * rng.standard_normal(len(t)) * np.exp(-t * 24) + 0.6 * np.sin(2 * np.pi * 190 * t) * np.exp(-t * 30)


def _hat(rng: np.random.Generator, seconds: float) -> np.ndarray:
    t = _time(seconds)
    noise = rng.standard_normal(len(t) + 1)
    return np.diff(noise) * np.exp(-t * 5 / seconds)


def _bass(note: int, seconds: float) -> np.ndarray:
    t = _time(seconds)
    tones = [np.sin(2 * np.pi * k * _hz(note) * t) / k * np.exp(-t * 4 * k) for k in range(1, 6)]
    return np.sum(tones, 0) * np.minimum(1, (seconds - t) * 60)


def _pluck(note: int, seconds: float) -> np.ndarray:
    t = _time(seconds)
    tones = [np.sin(2 * np.pi * k * _hz(note) * t + k) / k * np.exp(-t * (7 + 3 * k)) for k in range(1, 8)]
    return np.sum(tones, 0) * np.minimum(1, t * 400)
