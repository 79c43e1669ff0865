"""MakeHuman binding: the .mhclo law on tiny files written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionimit.errors import BadInput
from motionimit.training.assets import BASE_VERTICES, LABELS, AssetLibrary, read_mhclo, read_obj

MHCLO = """# tiny
name tiny
x_scale 10 11 2.0
y_scale 12 13 4.0
z_scale 14 15 5.0
z_depth 50
material tiny.mhmat
verts 0
tag late
 0 1 2 0.5 0.75 -0.25 0.1 0.2 0.3
7
3 4 5 0.2 0.3 0.5 0 0 0
delete_verts
20 - 22 30 40 - 41
"""
OBJ = "v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nv 0 1 0\nf 1/1 2/2 3/3 4/4\nf 1/1 2/2 3/3\n"
ROW = "asset,type,gender,files,licence,origin,vertex_count,label,notes\n"


@pytest.fixture
def binding(tmp_path):
    path = tmp_path / "tiny.mhclo"
    path.write_text(MHCLO)
    return read_mhclo(path)


@pytest.fixture
def base():
    return np.random.default_rng(3).normal(size=(BASE_VERTICES, 3))


def test_binding_law(binding, base):
    scale = [abs(base[a, k] - base[b, k]) * 10 / d for k, (a, b, d) in enumerate(((10, 11, 2.0), (12, 13, 4.0), (14, 15, 5.0)))]
    expected = 0.5 * base[0] + 0.75 * base[1] - 0.25 * base[2] + 0.1 * np.array([0.1, 0.2, 0.3]) * scale
    placed = binding.place(base)
    np.testing.assert_allclose(placed[0], expected, atol=1e-12)
    np.testing.assert_array_equal(placed[1], base[7])
    assert len(placed) == 3


def test_binding_moves_and_grows_with_the_body(binding, base):
    """place(k B + t) = k place(B) + t: garments have no size or place of their own."""
    moved = binding.place(1.3 * base + np.array([0.2, -1, 4]))
    np.testing.assert_allclose(moved, 1.3 * binding.place(base) + np.array([0.2, -1, 4]), atol=1e-12)


def test_hidden_ranges_are_inclusive(binding):
    assert np.flatnonzero(binding.hidden).tolist() == [20, 21, 22, 30, 40, 41]
    assert binding.z_depth == 50


def test_blended_weights_sum_to_one(binding):
    weights = np.random.default_rng(0).dirichlet(np.ones(24), BASE_VERTICES)
    blended = binding.blend(weights)
    assert blended.min() >= 0
    np.testing.assert_allclose(blended.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(blended[1], weights[7], atol=1e-12)


def test_short_vertex_line_is_refused(tmp_path):
    path = tmp_path / "bad.mhclo"
    path.write_text("verts 0\n1 2 3 0.5\n")
    with pytest.raises(BadInput, match="4 numbers where 1 or 9"):
        read_mhclo(path)


def test_polygons_are_cut_into_fans(tmp_path):
    path = tmp_path / "quad.obj"
    path.write_text(OBJ)
    mesh = read_obj(path)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
    assert mesh.polygon.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(mesh.uv[1], [[0, 0], [1, 1], [0, 1]])
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n")
    with pytest.raises(BadInput, match="without texture coordinates"):
        read_obj(path)


def test_library_labels_faces_and_refuses_other_licences(tmp_path):
    (tmp_path / "quad.obj").write_text(OBJ)
    (tmp_path / "quad.mhclo").write_text("verts 0\n1\n2\n3\n4\n")
    (tmp_path / "suit.parts.json").write_text('{"ranges": [[0, 0, "upper"], [1, 1, "lower"]]}')
    suit = "suit,outfit,female,quad.obj;quad.mhclo,CC0-1.0 (me),here,4,upper+lower,\n"
    coat = "coat,top,female,quad.obj;quad.mhclo,CC-BY-3.0 by someone,here,4,upper,\n"
    (tmp_path / "manifest.csv").write_text(ROW + suit + coat)
    library = AssetLibrary(tmp_path)
    assert library.names("outfit", "female") == ["suit"]
    assert library.names("top") == []
    label = library.garment("suit").label.tolist()
    assert [LABELS[k] for k in label] == ["upper", "upper", "lower"]
    with pytest.raises(BadInput, match="coat is not among"):
        library.garment("coat")
    assert AssetLibrary(tmp_path, cc0_only=False).garment("coat").binding.place(np.zeros((BASE_VERTICES, 3))).shape == (4, 3)


def test_missing_manifest_says_so(tmp_path):
    with pytest.raises(BadInput, match=r"manifest\.csv is missing"):
        AssetLibrary(Path(tmp_path))
