"""Decoded sound as chunks of samples: without gap or overlap, at a rate that the encoders take, and with silence put in."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

import av
import numpy as np

from . import decode

_OPUS_RATE_HZ = 48_000
_AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_GAP_S = Fraction(1, 20)  # a smaller difference between time stamps and sample count is rounding


def samples(container: Any, stream: Any, zero_s: Fraction, rate_hz: int, layout: str) -> Iterator[np.ndarray]:
    """Chunks [channels, samples] float32 without gap or overlap from `zero_s` on; where the source has a gap there is silence."""
    if zero_s > 1:
        decode.seek(container, stream, zero_s - 1)
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
    begin: int | None = None  # of the next chunk, in samples from `zero_s`
    done = 0  # samples passed on
    for frame in chain(decode.decoded(container, stream, []), [None]):
        if frame is not None and frame.pts is not None:
            stamped = round((frame.pts * frame.time_base - zero_s) * rate_hz)
            begin = stamped if begin is None or abs(stamped - begin) > _GAP_S * rate_hz else begin
        for part in resampler.resample(frame):
            sound = part.to_ndarray()
            begin = begin or 0
            while done < begin:
                silence = np.zeros((sound.shape[0], min(begin - done, rate_hz)), np.float32)
                done += silence.shape[1]
                yield silence
            begin += sound.shape[1]
            if begin > done:
                yield sound[:, done - begin :]
                done = begin


def paused(chunks: Iterator[np.ndarray], at: int, length: int) -> Iterator[np.ndarray]:
    """Chunks [channels, samples] with `length` samples of silence before sample number `at`, if the sound lasts so long."""
    done = 0
    for chunk in chunks:
        before = max(0, at - done)
        if done <= at < done + chunk.shape[1]:
            parts = chunk[:, :before], np.zeros((chunk.shape[0], length), np.float32), chunk[:, before:]
            yield from (part for part in parts if part.size)
        else:
            yield chunk
        done += chunk.shape[1]


def playable_rate_hz(stream: Any, codec: str) -> int:
    """The stream's own rate where `codec` (an encoder's name) takes it, else 48 kHz."""
    rate_hz = int(stream.codec_context.sample_rate)
    if codec == "libopus":
        return _OPUS_RATE_HZ
    return rate_hz if rate_hz in _AAC_RATES_HZ else 48_000
