"""Pickles that try to run something are refused, and nothing of theirs runs."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionimit.body.unpickle import ChumpyArray, load_pickle
from motionimit.errors import BadInput


class Call:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def refuse(path: Path, data: bytes) -> str:
    file = path / "SMPL_NEUTRAL.pkl"
    file.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        load_pickle(file)
    text = str(caught.value)
    assert "\n" not in text
    assert str(file) in text
    return text


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["system", "popen", "eval", "exec", "open", "getattr", "import", "fromfile", "load", "tofile"])
def test_calls_are_refused_and_do_not_happen(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    calls: dict[str, tuple[Any, ...]] = {
        "system": (os.system, f"touch {mark}"),
        "popen": (subprocess.Popen, ["touch", str(mark)]),
        "eval": (eval, f"open({str(mark)!r}, 'w')"),
        "exec": (exec, f"open({str(mark)!r}, 'w')"),
        "open": (open, str(mark), "w"),
        "getattr": (getattr, "text", "upper"),
        "import": (builtins.__import__, "antigravity"),
        "fromfile": (np.fromfile, "/etc/passwd"),
        "load": (np.load, "/etc/passwd"),
        "tofile": (np.ndarray.tofile, np.zeros(3), str(mark)),
    }
    text = refuse(tmp_path, pickle.dumps({"v_template": Call(*calls[name])}, protocol))
    assert not mark.exists()
    assert "refused" in text


def test_name_of_what_was_asked_for_is_in_the_sentence(tmp_path: Path) -> None:
    assert f"{os.system.__module__}.system" in refuse(tmp_path, pickle.dumps(Call(os.system, "true"), 2))


@pytest.mark.parametrize(
    "data",
    [
        b"(S'touch x'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch x'\no.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",  # a dotted name
        b"cnumpy\nndarray\n(I1000000000\ntR.",  # an array of a size of its choosing
        b"cnumpy\ndtype\n(S'V8'\ntR.",  # a void type
        b"cnumpy.core.multiarray\n_reconstruct\n}S'__globals__'\n}sb.",  # state of one of our own functions
        b"cchumpy.ch\nCh\nN}S'__array__'\nNs\x86b.",  # slot state: an attribute of a class
        b"c__builtin__\nbytearray\n(I9999999999\ntR.",  # memory
        b"c_codecs\nencode\n(S'x'\nS'zlib'\ntRc__builtin__\nset\n\x85R.",
        b"cchumpy.ch\nCh\n.",
        b"P0\n.",  # persistent id
        b"",
        b"\x80",
        b"garbage",
        b"(lp0\n" * 2000,
        b"]" + b"2" * 10,
    ],
)
def test_crafted_streams_are_refused(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = dict(ChumpyArray.__dict__)
    refuse(tmp_path, data)
    assert not (tmp_path / "x").exists()
    assert dict(ChumpyArray.__dict__) == before


def test_damage_anywhere_is_one_sentence(tmp_path: Path) -> None:
    whole = pickle.dumps({"v_template": np.arange(12.0).reshape(4, 3), "f": np.arange(6), "bs_type": "lrotmin"}, 2)
    file = tmp_path / "a.pkl"
    rng = np.random.default_rng(0)
    damaged = [whole[:n] for n in range(0, len(whole), 3)]
    for _ in range(400):
        copy = bytearray(whole)
        copy[rng.integers(len(copy))] = rng.integers(256)
        damaged.append(bytes(copy))
    refused = 0
    for data in damaged:
        file.write_bytes(data)
        try:
            load_pickle(file)
        except BadInput:
            refused += 1
    assert refused > 150, f"only {refused} of {len(damaged)} damaged files were noticed"


def test_sparse_matrices_with_bad_indices_are_an_error() -> None:
    from motionimit.body.unpickle import SparseArray

    bad = SparseArray()
    bad.__dict__.update(shape=(2, 2), row=[5], col=[0], data=[1.0])
    with pytest.raises(IndexError):
        np.asarray(bad)
    bad.__dict__.update(shape=(2**20, 2**20))
    with pytest.raises(ValueError, match="too large"):
        np.asarray(bad)
