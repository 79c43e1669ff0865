"""Read a pickled SMPL model without running anything in it: NumPy arrays, containers, and stand-ins for SciPy's and chumpy's."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import BadInput

MAX_ENTRIES = 2**28  # of a dense matrix that a sparse one may claim to be


class StandIn:
    """An object of a foreign class, reduced to its fields (`__dict__`). `np.asarray` gives its value; no foreign code runs."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self.value()
        return value if dtype is None else value.astype(dtype)

    def value(self) -> np.ndarray:
        """The dense array that the fields describe; raises KeyError, IndexError or ValueError where they describe none."""
        raise NotImplementedError


class ChumpyArray(StandIn):
    """chumpy's `Ch` (its `x`) or `Select` (``a.ravel()[idxs]`` in its preferred shape), which the original files contain."""

    def value(self) -> np.ndarray:
        state = self.__dict__
        if "x" in state:
            return np.asarray(state["x"])
        value = np.asarray(state["a"]).ravel()[np.asarray(state["idxs"])]
        shape = state.get("preferred_shape")
        return value if shape is None else value.reshape(tuple(int(n) for n in shape))


class SparseArray(StandIn):
    """SciPy's compressed column (csc), compressed row (csr) or coordinate (coo) matrix. Indices are checked; no SciPy."""

    kind = "coo"

    def value(self) -> np.ndarray:
        state = self.__dict__
        rows, columns = (int(n) for n in state["_shape" if "_shape" in state else "shape"])
        if rows * columns > MAX_ENTRIES or rows < 0 or columns < 0:
            raise ValueError("a sparse matrix is too large")
        dense = np.zeros((rows, columns))
        if self.kind == "coo":
            row, column = state["coords"] if "coords" in state else (state["row"], state["col"])
        else:
            starts = np.asarray(state["indptr"], np.int64)
            counts = starts[1:] - starts[:-1]
            major, minor = np.arange(len(counts)).repeat(counts), np.asarray(state["indices"], np.int64)
            row, column = (minor, major) if self.kind == "csc" else (major, minor)
        np.add.at(dense, (np.asarray(row), np.asarray(column)), np.asarray(state["data"], float))
        return dense


class _Csc(SparseArray):
    kind = "csc"


class _Csr(SparseArray):
    kind = "csr"


class _ArrayClass:
    """What `numpy.ndarray` is inside a pickle: an argument of `_empty_array`, never called."""


def _empty_array(*_: object) -> np.ndarray:
    return np.empty(0)  # pickle fills it through ndarray.__setstate__, which checks its data against the shape


def _dtype(spec: object, *_: object) -> np.dtype:
    if not isinstance(spec, str) or not re.fullmatch(r"[fiubOSU]\d{0,3}", spec):
        raise pickle.UnpicklingError("it holds arrays of an unexpected type")
    return np.dtype(spec)


def _plain(dtype: Any) -> np.dtype:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError("it holds arrays of an unexpected type")
    return dtype


def _scalar(dtype: Any, data: bytes | str) -> Any:
    return np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, _plain(dtype), 1)[0]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    return np.frombuffer(data, _plain(dtype)).reshape(shape, order="F" if order == "F" else "C").copy()


def _encode(text: str, *_: object) -> bytes:
    return text.encode("latin1")  # the only use that NumPy makes of codecs.encode; other codecs could inflate data


def _reconstructor(kind: Any, *_: object) -> StandIn:
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise pickle.UnpicklingError("it builds an unexpected object")
    return kind()


_FUNCTIONS = {
    **{f"numpy{core}.multiarray._reconstruct": _empty_array for core in (".core", "._core")},
    **{f"numpy{core}.multiarray.scalar": _scalar for core in (".core", "._core")},
    **{f"numpy{core}.numeric._frombuffer": _from_buffer for core in (".core", "._core")},
    **{f"{module}._reconstructor": _reconstructor for module in ("copyreg", "copy_reg")},
    **{f"{module}.set": set for module in ("builtins", "__builtin__")},
    **{f"{module}.bytearray": bytearray for module in ("builtins", "__builtin__")},
    "numpy.dtype": _dtype,
    "collections.OrderedDict": OrderedDict,
    "_codecs.encode": _encode,
}
_NAMES = {"numpy.ndarray": _ArrayClass, "builtins.object": object, "__builtin__.object": object}
_SPARSE = {"csc": _Csc, "csr": _Csr, "coo": SparseArray}


_PurePython: Any = pickle._Unpickler  # type: ignore[attr-defined]  # in every CPython, not in the type stubs


class SafeUnpickler(_PurePython):
    """Raises `pickle.UnpicklingError` at the first name outside the short list above; nothing foreign is imported or called.

    Built on the pure-Python twin of `pickle.Unpickler`, because calls and state setting can be restricted there as well.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_PurePython.dispatch)

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "chumpy":
            return ChumpyArray
        if module.startswith("scipy.sparse") and re.fullmatch(r"(csc|csr|coo)_(matrix|array)", name):
            return _SPARSE[name[:3]]
        found = _FUNCTIONS.get(f"{module}.{name}", _NAMES.get(f"{module}.{name}"))
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module[:40]}.{name[:40]}")
        return found

    def _restricted_reduce(self) -> None:
        function, arguments = self.stack[-2], self.stack[-1]
        if not any(function is allowed for allowed in _FUNCTIONS.values()):
            raise pickle.UnpicklingError("it calls something unexpected")
        if function is bytearray and not all(isinstance(a, bytes | str) for a in arguments):
            raise pickle.UnpicklingError("it reserves memory in an unexpected way")
        super().load_reduce()

    def _restricted_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, np.ndarray):
            target.__setstate__(state)
        elif isinstance(target, np.dtype):
            if any(part is not None for part in state[2:5]):  # subarray, names, fields
                raise pickle.UnpicklingError("it holds structured arrays")
            target.__setstate__(state)  # type: ignore[attr-defined]
        elif isinstance(target, StandIn) and isinstance(state, dict):
            target.__dict__.update(state)
        else:
            raise pickle.UnpicklingError("it sets the state of an unexpected object")

    def _restricted_new(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        if kind is OrderedDict or kind is set:
            self.stack.append(kind(*arguments))
        else:
            self.stack.append(_reconstructor(kind))

    def _refuse(self) -> None:
        raise pickle.UnpicklingError("it uses an unexpected pickle instruction")

    dispatch[pickle.REDUCE[0]] = _restricted_reduce
    dispatch[pickle.BUILD[0]] = _restricted_build
    dispatch[pickle.NEWOBJ[0]] = _restricted_new
    for _code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[_code[0]] = _refuse


def safe_load(file: Any) -> Any:
    """One object from a stream, by `SafeUnpickler`; whatever goes wrong inside comes out as `pickle.UnpicklingError`."""
    try:
        return SafeUnpickler(file).load()
    except (pickle.UnpicklingError, OSError):
        raise
    except MemoryError:
        raise pickle.UnpicklingError("it asks for more memory than there is") from None
    except Exception as error:  # a broken stream can fail anywhere inside pickle or NumPy
        raise pickle.UnpicklingError(f"it is damaged: {type(error).__name__}") from error


def load_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a model's pickle (Python 2 or 3), arrays still as stored. Raises `BadInput`, in one sentence."""
    try:
        with path.open("rb") as file:
            content = safe_load(file)
    except OSError as error:
        raise BadInput(f"The body model {path} can't be read: {error.strerror or error}.") from error
    except pickle.UnpicklingError as error:
        raise BadInput(f"The body model {path} was refused: {error}; get SMPL's own file afresh from its publisher.") from error
    if not isinstance(content, dict):
        raise BadInput(f"The body model {path} holds a {type(content).__name__}, not SMPL's dictionary of arrays.")
    return content
