"""Find a body model file and read it into plain arrays. Search order in `find_body`; files are never trusted."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, MissingModel
from .parts import SMPL_PARENTS
from .unpickle import load_pickle, safe_load

OPEN_BODY = Path(__file__).parents[1] / "data" / "open_body.npz"
VARIABLE = "MOTIONIMIT_BODY"
MAX_MEMBER_BYTES = 512 * 2**20
_LETTER = {"neutral": "neutral", "male": "m", "female": "f"}


@dataclass(frozen=True, slots=True)
class BodyData:
    """A model in SMPL's layout: V vertices, F faces, 24 joints; metres, y up, facing +z, T-pose."""

    path: Path
    v_template: np.ndarray  # [V, 3] float32
    shapedirs: np.ndarray  # [V, 3, 10] float32
    posedirs: np.ndarray | None  # [V, 3, 207] float32; None = no pose blendshapes
    joint_regressor: np.ndarray  # [24, V] float32
    weights: np.ndarray  # [V, 24] float32, rows sum to 1
    faces: np.ndarray  # [F, 3] int64
    uv: np.ndarray | None = None  # [U, 2] float32, v up
    uv_faces: np.ndarray | None = None  # [F, 3] int64 into uv
    landmarks: np.ndarray | None = None  # [33, V] float32; None = to be found on the mesh
    landmark_joint: np.ndarray | None = None  # [33] int64: the joint that a landmark follows rigidly, -1 = it follows the skin
    region_of_face: np.ndarray | None = None  # [F] int64, see parts.Region
    made_from: str = ""


def user_data_dir() -> Path:
    """Where a user's own models live: ~/.local/share/motionimit/body_models or its macOS or Windows twin."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "motionimit" / "body_models"


def _names(gender: str) -> list[str]:
    letter = _LETTER[gender]
    stems = [f"smpl_{gender}", f"basicmodel_{letter}_lbs_10_207_0_v1.1.0", f"basicmodel_{letter}_lbs_10_207_0_v1.0.0"]
    return [stem + suffix for stem in stems for suffix in (".npz", ".pkl")]


def _in_folder(folder: Path, gender: str) -> Path | None:
    """The first SMPL file of that gender in the folder or its `smpl` subfolder; upper and lower case are the same."""
    for place in (folder, folder / "smpl"):
        try:
            present = {entry.name.lower(): entry for entry in place.iterdir() if entry.is_file()}
        except OSError:
            continue
        for name in _names(gender):
            if name in present:
                return present[name]
    return None


def find_body(explicit: Path | str | None = None, gender: str = "neutral") -> Path:
    """The model file to use. Order: `explicit`, $MOTIONIMIT_BODY (each a file or a folder), ./body_models, the user's data
    folder, and, for the neutral body, the open body that comes with motionimit.

    Raises `MissingModel` (paths tried, ways to set one, where to get it) where `explicit` or the variable names nothing
    usable, or a gendered model is nowhere; ValueError for an unknown gender.
    """
    if gender not in _LETTER:
        raise ValueError(f"gender must be one of {', '.join(_LETTER)}, got {gender!r}")
    tried: list[str] = []
    asked = explicit if explicit is not None else os.environ.get(VARIABLE) or None
    if asked is not None:
        path = Path(asked).expanduser()
        found = path if path.is_file() else _in_folder(path, gender)
        if found is None:
            raise MissingModel(_missing([str(path)], gender, "the path given" if explicit is not None else f"${VARIABLE}"))
        return found
    for folder in (Path("body_models"), user_data_dir()):
        found = _in_folder(folder, gender)
        if found is not None:
            return found
        tried.append(str(folder.absolute()))
    if gender == "neutral" and OPEN_BODY.is_file():
        return OPEN_BODY
    raise MissingModel(_missing([*tried, *([str(OPEN_BODY)] if gender == "neutral" else [])], gender, "the search order"))


def _missing(tried: list[str], gender: str, through: str) -> str:
    names = " or ".join(_names(gender)[:2]).replace("smpl_" + gender, "SMPL_" + gender.upper())
    return (
        f"No {gender} body model was found through {through} (tried {', '.join(tried)}): put {names} there, or pass its path, "
        f"or set ${VARIABLE} to the file or its folder; SMPL files come, after registration, from https://smpl.is.tue.mpg.de, "
        "and with nothing set the open body that comes with motionimit is used."
    )


def read_body(path: Path) -> BodyData:
    """Read and check a SMPL-layout .npz or .pkl. Raises `BadInput` for damage, foreign layouts, wrong shapes or NaN."""
    if path.suffix.lower() not in (".npz", ".pkl"):
        raise BadInput(f"The body model {path} must be an .npz or .pkl file in SMPL's layout.")
    content = read_npz(path) if path.suffix.lower() == ".npz" else _read_pickle(path)
    try:
        return _checked(path, content)
    except KeyError as error:
        raise BadInput(f"The body model {path} lacks {error.args[0]!r}, so it is not a file in SMPL's layout.") from error
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise BadInput(f"The body model {path} holds something other than SMPL's arrays ({error}).") from error


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput(f"The body model {path} can't be read: {error.strerror or error}.") from error
    if size > MAX_MEMBER_BYTES:
        raise BadInput(f"The body model {path} has {size / 2**20:.0f} MB, more than any SMPL model (limit 512 MB).")
    return load_pickle(path)


def read_npz(path: Path, kind: str = "body model") -> dict[str, Any]:
    """All arrays of an .npz, without NumPy's own unpickling; object arrays go through `safe_load`. Raises `BadInput`."""
    content: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 2 * MAX_MEMBER_BYTES:
                raise BadInput(f"The {kind} {path} claims more than 1024 MB of arrays, so it was refused.")
            for member in archive.infolist():
                if member.file_size > MAX_MEMBER_BYTES:
                    raise BadInput(f"The {kind} {path} claims more than 512 MB for {member.filename[:40]}, so it was refused.")
                if member.filename.endswith(".npy"):
                    content[member.filename[:-4]] = _read_member(archive, member)
    except OSError as error:
        raise BadInput(f"The {kind} {path} can't be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"The {kind} {path} is not a usable .npz file ({error}); get or copy it again.") from error
    except Exception as error:  # zlib.error and friends from a damaged stream
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"The {kind} {path} is damaged ({type(error).__name__}); get or copy it again.") from error
    return content


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
        if dtype.hasobject:
            value = safe_load(stream)
            return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} is shorter than its header says")
        data = np.frombuffer(stream.read(), dtype)
        count = int(np.prod(shape, dtype=np.int64))
        if len(data) < count:
            raise ValueError(f"{member.filename} is shorter than its header says")
        return data[:count].reshape(shape, order="F" if fortran else "C")


def _checked(path: Path, content: dict[str, Any]) -> BodyData:
    def array(name: str, shape: tuple[int | None, ...], dtype: Any = np.float32) -> np.ndarray:
        value = np.asarray(content[name])
        if value.dtype.kind not in "fiub":
            raise BadInput(f"In the body model {path}, {name} holds no numbers.")
        fits = value.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, value.shape, strict=True))
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise BadInput(f"In the body model {path}, {name} has shape {list(value.shape)}, SMPL's layout has [{wanted}].")
        if not np.isfinite(value).all():
            raise BadInput(f"In the body model {path}, {name} holds NaN or infinite values.")
        return np.ascontiguousarray(value, dtype)

    def indices(name: str, shape: tuple[int | None, ...], limit: int, low: int = 0) -> np.ndarray:
        value = array(name, shape, np.int64)
        if value.size and not (value.min() >= low and value.max() < limit):
            raise BadInput(f"In the body model {path}, {name} points outside 0..{limit - 1}.")
        return value

    v_template = array("v_template", (None, 3))
    count = len(v_template)
    tree = array("kintree_table", (2, None), np.int64)
    if tree.shape[1] != 24 or tuple(tree[0, 1:]) != SMPL_PARENTS[1:]:
        raise BadInput(
            f"The body model {path} has {tree.shape[1]} joints or another tree; SMPL's has 24 (SMPL-H and SMPL-X don't fit)."
        )
    shapedirs = array("shapedirs", (count, 3, None))
    if shapedirs.shape[2] < 10:
        raise BadInput(f"The body model {path} has {shapedirs.shape[2]} shape directions, 10 are needed.")
    weights = array("weights", (count, 24))
    sums = weights.sum(1, keepdims=True)
    if (weights < -1e-3).any() or np.abs(sums - 1).max() > 1e-2:
        raise BadInput(f"In the body model {path}, the skinning weights don't sum to 1 (worst {float(sums.min()):.3f}).")
    faces = indices("f", (None, 3), count)
    posedirs = array("posedirs", (count, 3, 207)) if "posedirs" in content else None
    extra: dict[str, Any] = {}
    if "landmarks" in content:
        extra = {"landmarks": array("landmarks", (33, count)), "landmark_joint": indices("landmark_joint", (33,), 24, -1)}
    if "uv" in content:
        extra["uv"] = array("uv", (None, 2))
        extra["uv_faces"] = indices("uv_f", (len(faces), 3), len(extra["uv"]))
    if "region_of_face" in content:
        extra["region_of_face"] = indices("region_of_face", (len(faces),), 17)
    return BodyData(
        path=path,
        v_template=v_template,
        shapedirs=np.ascontiguousarray(shapedirs[:, :, :10]),
        posedirs=posedirs if posedirs is not None and posedirs.any() else None,
        joint_regressor=array("J_regressor", (24, count)),
        weights=weights / sums,
        faces=faces,
        made_from=str(np.asarray(content.get("made_from", ""))),
        **extra,
    )
