"""Read MakeHuman-style assets (.obj geometry, .mhclo binding, .parts.json labels) and bind them to the hm08 base mesh.

Frame everywhere in `training/`: metres, y up, the body facing +z. MakeHuman files are in decimetres in the same axes.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput

BASE_VERTICES = 19158  # of the hm08 base mesh, helpers included
LABELS = ("background", "skin", "hair", "upper", "lower", "dress", "shoes", "hat")
"""Region labels; a label's index is its value in rendered label maps."""


@dataclass(frozen=True, slots=True)
class TriMesh:
    """A triangulated .obj with one UV per face corner."""

    vertices: np.ndarray  # [V, 3] float64, in file units
    faces: np.ndarray  # [F, 3] int64
    uv: np.ndarray  # [F, 3, 2] float32, origin bottom left
    polygon: np.ndarray  # [F] int64: which face of the file each triangle was cut from


@dataclass(frozen=True, slots=True)
class Binding:
    """How every vertex of a garment hangs on the base mesh."""

    reference: np.ndarray  # [N, 3] int64 base-mesh vertices
    weight: np.ndarray  # [N, 3] float64, rows sum to 1, may be negative
    offset_dm: np.ndarray  # [N, 3] float64, before scaling
    scale_pairs: tuple[tuple[int, int, float] | None, ...]  # x, y, z: (vertex, vertex, their distance on the garment's own body)
    hidden: np.ndarray  # [19158] bool: base-mesh vertices under the garment
    z_depth: int

    def place(self, base_m: np.ndarray) -> np.ndarray:
        """Rest vertices of the base mesh [19158, 3] in metres → garment vertices [N, 3] in metres.

        ``p = sum_k w_k B[r_k] + s * offset`` with ``s = |B[v1] - B[v2]| / d`` per axis, always measured on the rest body.
        """
        scale = np.ones(3)
        for axis, pair in enumerate(self.scale_pairs):
            if pair is not None:
                scale[axis] = abs(base_m[pair[0], axis] - base_m[pair[1], axis]) * 10.0 / pair[2]
        return np.einsum("nk,nkc->nc", self.weight, base_m[self.reference]) + 0.1 * self.offset_dm * scale

    def blend(self, base_weights: np.ndarray) -> np.ndarray:
        """Skinning weights of the base mesh [19158, J] → of the garment [N, J]; negatives clipped, rows sum to 1."""
        mixed = np.einsum("nk,nkj->nj", self.weight, base_weights[self.reference]).clip(0.0)
        return mixed / mixed.sum(1, keepdims=True)


def read_obj(path: Path) -> TriMesh:
    """Read `v`, `vt` and `f v/vt ...` lines; polygons are cut into fans. Raises `BadInput` for a face without UVs."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    faces: list[list[int]] = []
    corners: list[list[int]] = []
    polygon: list[int] = []
    count = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif word == "vt":
            texture.append([float(x) for x in rest.split()[:2]])
        elif word == "f":
            parts = [p.split("/") for p in rest.split()]
            if any(len(p) < 2 or not p[1] for p in parts):
                raise BadInput(f"{path} has a face without texture coordinates: only textured .obj files can be rendered.")
            v, t = ([int(p[i]) - 1 for p in parts] for i in (0, 1))
            for k in range(1, len(parts) - 1):
                faces.append([v[0], v[k], v[k + 1]])
                corners.append([t[0], t[k], t[k + 1]])
                polygon.append(count)
            count += 1
    uv = np.asarray(texture, np.float32).reshape(-1, 2)[np.asarray(corners, np.int64).reshape(-1, 3)]
    return TriMesh(np.asarray(vertices), np.asarray(faces, np.int64).reshape(-1, 3), uv, np.asarray(polygon, np.int64))


def read_mhclo(path: Path) -> Binding:
    """Read a MakeHuman binding. Raises `BadInput` where a vertex line is malformed."""
    rows: list[tuple[list[int], list[float], list[float]]] = []
    scale: list[tuple[int, int, float] | None] = [None, None, None]
    hidden = np.zeros(BASE_VERTICES, bool)
    section, z_depth = "", 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("x_scale", "y_scale", "z_scale"):
            scale["xyz".index(words[0][0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] == "z_depth":
            z_depth = int(words[1])
        elif words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif words[0].isdigit() and section == "verts":
            rows.append(_binding_row(path, words))
        elif words[0].isdigit() and section == "delete_verts":
            _mark_ranges(hidden, words)
    reference, weight, offset = (np.asarray([r[i] for r in rows], np.float64).reshape(-1, 3) for i in range(3))
    return Binding(reference.astype(np.int64), weight, offset, tuple(scale), hidden, z_depth)


def _binding_row(path: Path, words: list[str]) -> tuple[list[int], list[float], list[float]]:
    if len(words) == 1:
        return [int(words[0])] * 3, [1.0, 0.0, 0.0], [0.0] * 3
    if len(words) < 9:
        raise BadInput(f"{path} has a vertex line of {len(words)} numbers where 1 or 9 are needed: {' '.join(words)!r}.")
    return [int(w) for w in words[:3]], [float(w) for w in words[3:6]], [float(w) for w in words[6:9]]


def _mark_ranges(hidden: np.ndarray, words: list[str]) -> None:
    """`a - b` is an inclusive range, a number alone is one vertex."""
    i = 0
    while i < len(words):
        last = int(words[i + 2]) if i + 2 < len(words) and words[i + 1] == "-" else int(words[i])
        hidden[int(words[i]) : last + 1] = True
        i += 3 if i + 2 < len(words) and words[i + 1] == "-" else 1


@dataclass(frozen=True, slots=True)
class Garment:
    """Anything bound to the base mesh: clothes, shoes, hats, hair, brows, lashes, eyes."""

    name: str
    kind: str  # the manifest's type: outfit, top, bottom, dress, shoes, hat, hair, eyebrows, eyelashes, eyes ...
    mesh: TriMesh
    binding: Binding
    texture: Path | None
    label: np.ndarray  # [F] uint8, index into LABELS


class AssetLibrary:
    """A folder of assets with its `manifest.csv`. With `cc0_only` (the default) other licences cannot be loaded at all."""

    def __init__(self, folder: Path, cc0_only: bool = True) -> None:
        manifest = folder / "manifest.csv"
        if not manifest.is_file():
            raise BadInput(f"{manifest} is missing: give the folder that holds the asset pack's manifest.csv.")
        with manifest.open(newline="", encoding="utf-8") as handle:
            rows = [{k: (v or "").strip() for k, v in row.items()} for row in csv.DictReader(handle)]
        self.folder = folder
        self.rows = {r["asset"]: r for r in rows if not cc0_only or r["licence"].startswith("CC0")}

    def names(self, kind: str, gender: str = "any") -> list[str]:
        """Names of one type ("outfit", "skin", …), in manifest order; `gender` "male"/"female" also admits "any"."""
        fits = (gender, "any") if gender != "any" else ("male", "female", "any")
        return [n for n, r in self.rows.items() if r["type"] == kind and r["gender"] in fits]

    def licence(self, name: str) -> str:
        return self._row(name)["licence"]

    def file(self, name: str, suffixes: tuple[str, ...]) -> Path:
        """The first file of an asset that ends in one of the suffixes. Raises `BadInput` where there is none."""
        for entry in self._row(name)["files"].split(";"):
            if entry.lower().endswith(suffixes):
                return self.folder / entry
        raise BadInput(f"Asset {name} has no {' or '.join(suffixes)} file in {self.folder / 'manifest.csv'}.")

    def image(self, name: str) -> Path:
        return self.file(name, (".png", ".jpg", ".jpeg"))

    def garment(self, name: str) -> Garment:
        """Load one bound mesh. Its triangles get their parsing label from `<name>.parts.json` or the manifest."""
        row = self._row(name)
        obj = self.file(name, (".obj",))
        mesh = read_obj(obj)
        binding = read_mhclo(self.file(name, (".mhclo",)))
        if len(binding.reference) < len(mesh.vertices):
            raise BadInput(
                f"{obj} has {len(mesh.vertices)} vertices but its .mhclo binds {len(binding.reference)}: files do not match."
            )
        label = np.full(len(mesh.faces), LABELS.index(row["label"]) if row["label"] in LABELS else LABELS.index("skin"), np.uint8)
        parts = obj.with_name(f"{name}.parts.json")
        if parts.is_file():
            for first, last, part in json.loads(parts.read_text())["ranges"]:
                label[(mesh.polygon >= first) & (mesh.polygon <= last)] = LABELS.index(part)
        has_image = any(e.lower().endswith((".png", ".jpg", ".jpeg")) for e in row["files"].split(";"))
        return Garment(name, row["type"], mesh, binding, self.image(name) if has_image else None, label)

    def _row(self, name: str) -> dict[str, str]:
        if name not in self.rows:
            manifest = self.folder / "manifest.csv"
            raise BadInput(f"Asset {name} is not among the {len(self.rows)} usable ones of {manifest}: check name and licence.")
        return self.rows[name]
