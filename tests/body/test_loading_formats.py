"""A user's SMPL file: .npz and .pkl take the same path; foreign layouts and damage are refused in one sentence."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse
import torch

from motionimit.body.loading import OPEN_BODY, read_body
from motionimit.body.model import BodyModel, load_body
from motionimit.body.parts import SMPL_PARENTS
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams


@pytest.fixture(scope="module")
def smpl() -> dict[str, np.ndarray]:
    """SMPL's keys with a thinned open body, as a licensed file has them: double precision, more betas, pose blendshapes."""
    body = read_body(OPEN_BODY)
    keep = np.arange(0, len(body.v_template), 4)
    near = np.linalg.norm(body.v_template[keep] - (body.joint_regressor @ body.v_template)[:, None], axis=-1)
    regressor = np.zeros((24, len(keep)))
    np.put_along_axis(regressor, near.argsort(1)[:, :12], 1 / 12, 1)
    rng = np.random.default_rng(0)
    return {
        "v_template": body.v_template[keep].astype(float),
        "shapedirs": np.concatenate([body.shapedirs[keep], rng.normal(0, 1e-3, (len(keep), 3, 2))], 2),
        "posedirs": rng.normal(0, 1e-3, (len(keep), 3, 207)),
        "J_regressor": regressor,
        "kintree_table": np.stack([[2**32 - 1, *SMPL_PARENTS[1:]], range(24)]).astype(np.uint32),
        "weights": body.weights[keep].astype(float),
        "f": rng.integers(0, len(keep), (400, 3)).astype(np.uint32),
    }


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """Writes bytes as Python 2 did: as BINSTRING."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_binstring(self, data: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(data)) + data)

    dispatch[bytes] = save_binstring


def as_pickle(content: dict[str, Any], protocol: int) -> bytes:
    """The content with chumpy and SciPy objects, pickled while a fake chumpy module is importable."""

    class Ch:
        def __init__(self, **state: Any) -> None:
            self.__dict__.update(state)

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    modules = {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": types.ModuleType("chumpy.ch")}
    modules["chumpy.ch"].Ch = Ch  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        content = dict(content)
        content["J_regressor"] = scipy.sparse.csc_matrix(content["J_regressor"])
        content["v_template"] = Ch(x=content["v_template"], _dirty_vars=set(), _status="new")
        whole = content["shapedirs"]
        select = {"a": Ch(x=whole), "idxs": np.arange(whole.size), "preferred_shape": whole.shape}
        content |= {"shapedirs": Ch(**select), "bs_type": "lrotmin", "bs_style": "lbs"}
        if protocol > 0:
            return pickle.dumps(content, protocol)
        stream = io.BytesIO()
        Python2Pickler(stream, 2).dump(content)
        return stream.getvalue()
    finally:
        for name in modules:
            del sys.modules[name]


@pytest.mark.parametrize("kind", ["npz", "npz-object", "pkl-python2", "pkl-2", "pkl-4", "pkl-5"])
def test_all_formats_give_the_same_body(kind: str, smpl: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / f"SMPL_NEUTRAL.{kind[:3]}"
    if kind == "npz":
        np.savez(path, **smpl)
    elif kind == "npz-object":
        sparse = np.array(scipy.sparse.csr_matrix(smpl["J_regressor"]), dtype=object)
        np.savez(path, **(smpl | {"J_regressor": sparse}))
    else:
        path.write_bytes(as_pickle(smpl, {"python2": 0, "2": 2, "4": 4, "5": 5}[kind[4:]]))
    assert "chumpy" not in sys.modules
    data = read_body(path)
    for name, found in (("v_template", data.v_template), ("J_regressor", data.joint_regressor), ("weights", data.weights)):
        assert np.abs(found - smpl[name]).max() < 1e-6, f"{name} from {kind}"
    assert np.abs(data.shapedirs - smpl["shapedirs"][:, :, :10]).max() < 1e-7
    assert data.posedirs is not None
    assert np.abs(data.posedirs - smpl["posedirs"]).max() < 1e-7
    assert (data.faces == smpl["f"]).all()


def test_a_users_file_runs_the_whole_path(smpl: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(as_pickle(smpl, 2))
    model = load_body(tmp_path)
    turns = torch.eye(3).repeat(3, 24, 1, 1)
    params = BodyParams(turns, torch.zeros(10), torch.zeros(3, 3), Camera.for_image(10, 10))
    assert (model.mesh(params).vertices_m - model.v_template).abs().max() < 1e-5
    own, reference = model.landmarks(params)[0], load_body(OPEN_BODY).landmarks(params)[0]
    far = (own - reference).norm(dim=-1)
    assert far.max() < 0.05, f"landmark {int(far.argmax())} found {far.max() * 1e3:.0f} mm away from where it is"
    assert len(model.region_of_face.unique()) > 10


def test_landmarks_on_smpls_own_topology(smpl: dict[str, np.ndarray]) -> None:
    """6,890 vertices mean SMPL: its landmarks are smplx's named vertices and the joints."""
    from smplx.vertex_ids import vertex_ids

    rng = np.random.default_rng(1)
    body = read_body(OPEN_BODY)
    pick = rng.integers(0, len(body.v_template), 6890)
    regressor = rng.random((24, 6890)).astype(np.float32)
    model = BodyModel(
        replace(
            body,
            v_template=body.v_template[pick],
            shapedirs=body.shapedirs[pick],
            joint_regressor=regressor / regressor.sum(1, keepdims=True),
            weights=body.weights[pick],
            faces=rng.integers(0, 6890, (100, 3)),
            landmarks=None,
            landmark_joint=None,
            region_of_face=None,
        )
    )
    assert model.landmark_regressor[0, vertex_ids["smplh"]["nose"]] == 1
    assert model.landmark_regressor[31, vertex_ids["smplh"]["LBigToe"]] == 1
    assert (model.landmark_regressor.sum(1) - 1).abs().max() < 1e-4
    assert model.landmark_joint[[11, 12, 25, 26]].tolist() == [16, 17, 4, 5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v_template": None}, "lacks 'v_template'"),
        ({"weights": np.ones((5, 24))}, "weights has shape"),
        ({"kintree_table": np.zeros((2, 55))}, "55 joints"),
        ({"shapedirs": "short"}, "4 shape directions"),
        ({"weights": "halved"}, "sum to 1"),
        ({"v_template": "nan"}, "NaN"),
        ({"f": "far"}, "points outside"),
        ({"v_template": "text"}, "no numbers"),
    ],
)
def test_wrong_content_is_refused(change: dict[str, Any], words: str, smpl: dict[str, np.ndarray], tmp_path: Path) -> None:
    content = dict(smpl)
    for name, value in change.items():
        if value is None:
            del content[name]
        elif isinstance(value, str):
            old = smpl[name]
            recipes = {"short": old[..., :4], "halved": old / 2, "nan": np.where(old > 0.5, np.nan, old), "far": old + 10**6}
            content[name] = recipes.get(value, np.full(old.shape, "a"))
        else:
            content[name] = value
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **content)
    with pytest.raises(BadInput, match=words) as caught:
        read_body(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_npz_is_refused_at_every_length(smpl: dict[str, np.ndarray], tmp_path: Path) -> None:
    whole = OPEN_BODY.read_bytes()
    path = tmp_path / "b.npz"
    for length in (0, 1, 10, 1000, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput):
            read_body(path)


def test_flipped_bytes_in_an_npz_never_raise_anything_else(tmp_path: Path) -> None:
    whole, path, rng = OPEN_BODY.read_bytes(), tmp_path / "b.npz", np.random.default_rng(0)
    refused = 0
    for _ in range(15):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            read_body(path)
            refused -= 1
        refused += 1
    assert refused >= 12, f"only {refused} of 15 damaged files were noticed: the checksums must see them"


def test_zip_bombs_are_refused_without_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    zeros = b"\0" * 2**22
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("v_template.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(150):  # 600 MB
            member.write(zeros)
    assert path.stat().st_size < 2**21
    with pytest.raises(BadInput, match="512 MB"):
        read_body(path)


def test_header_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "b.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 3)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v_template.npy", header.getvalue())
    with pytest.raises(BadInput, match="shorter than"):
        read_body(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "body.obj").write_text("v 0 0 0")
    with pytest.raises(BadInput, match=r"\.npz or \.pkl"):
        read_body(tmp_path / "body.obj")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(BadInput, match="holds a list"):
        read_body(tmp_path / "list.pkl")
    with pytest.raises(BadInput, match="can't be read"):
        read_body(tmp_path / "absent.pkl")
