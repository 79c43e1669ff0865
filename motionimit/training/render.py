"""Draw a clothed person with soft light, peeled hair and antialiasing: colour, matte, region labels and depth.

Colours are linear RGB premultiplied by the matte until `develop` turns a composite into an sRGB picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..geometry.camera import Camera
from .assets import LABELS
from .lighting import Lighting, Occlusion
from .people import MATERIALS, Person
from .raster import Fragments, ZBuffer
from .texture import MipTexture

HAIR_LAYERS = 10
_ALPHA_CUT = 0.1  # fainter hair texels are only specks
_WRAP = {"skin": (0.42, 0.26, 0.2), "hair": (0.35,) * 3, "eye": (0.3,) * 3, "cloth": (0.12,) * 3, "leather": (0.05,) * 3}
_GLOSS = {"skin": (0.05, 18.0), "hair": (0.008, 20.0), "eye": (0.6, 90.0), "cloth": (0.008, 8.0), "leather": (0.12, 30.0)}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person, no background."""

    rgb: Tensor  # [3, H, W] linear, premultiplied by alpha
    alpha: Tensor  # [1, H, W] 0..1
    label: Tensor  # [H, W] uint8, index into assets.LABELS; 0 where alpha is below a half
    depth_m: Tensor  # [H, W] of the nearest opaque surface; infinity where there is none
    occlusion: Occlusion  # for the shadows that the person casts on the scene


class PersonRenderer:
    """Holds one person's meshes and textures on a device and draws any pose of them."""

    def __init__(self, person: Person, device: torch.device | str = "cpu", supersample: int = 2) -> None:
        self.person, self.device, self.supersample = person, torch.device(device), supersample
        starts = np.cumsum([0, *(len(layer.vertices_m) for layer in person.layers)])
        faces = np.concatenate([layer.faces + s for layer, s in zip(person.layers, starts, strict=False)])
        solid = np.concatenate([np.full(len(layer.faces), not layer.translucent) for layer in person.layers])
        order = np.argsort(~solid, kind="stable")  # opaque faces first, so that both kinds are slices
        owner = np.repeat(np.arange(len(person.layers)), [len(layer.faces) for layer in person.layers])
        self.opaque_faces = int(solid.sum())
        self.faces = self._tensor(faces[order], torch.int32)
        self.owner = self._tensor(owner[order], torch.int64)
        self.uv = self._tensor(np.concatenate([layer.uv for layer in person.layers])[order], torch.float32)
        self.label = self._tensor(np.concatenate([layer.label for layer in person.layers])[order], torch.int64)
        self.textures = [MipTexture(self._tensor(layer.texture, torch.float32)) for layer in person.layers]
        material = [MATERIALS.index(layer.material) for layer in person.layers]
        self.wrap = self._tensor(np.array([_WRAP[MATERIALS[m]] for m in material]), torch.float32)
        self.gloss = self._tensor(np.array([_GLOSS[MATERIALS[m]] for m in material]), torch.float32)
        bias = np.array([1.0006 if layer.name.startswith("eye") and layer.translucent else 1.0 for layer in person.layers])
        self.bias = self._tensor(np.repeat(bias, np.diff(starts)), torch.float32)
        self.is_hair = self._tensor(
            np.repeat([layer.label[:1].max(initial=0) == LABELS.index("hair") for layer in person.layers], np.diff(starts)),
            torch.bool,
        )

    def _tensor(self, array: np.ndarray, dtype: torch.dtype) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=self.device)

    @torch.no_grad()
    def draw(self, rotations: np.ndarray, translation_m: np.ndarray, camera: Camera, lighting: Lighting) -> Rendered:
        """Local rotations [24, 3, 3] and a translation [3] in the camera-aligned world → the picture of `camera`'s size."""
        vertices = self._tensor(np.concatenate(self.person.posed(rotations, translation_m)), torch.float32)
        head = self._tensor(self._head_center(rotations, translation_m), torch.float32)
        occlusion = Occlusion(vertices, self.faces, lighting)
        normals = self._normals(vertices, head)
        ambient = occlusion.ambient(vertices, normals)
        width, height = (s * self.supersample for s in camera.size_px)
        xyw = project(vertices, camera, self.supersample) * torch.stack(
            (torch.ones_like(self.bias), torch.ones_like(self.bias), self.bias), 1
        )
        buffer = ZBuffer(width, height, self.device)
        shader = _Shader(self, vertices, normals, ambient, occlusion, xyw)
        return self._compose(buffer, xyw, shader, occlusion)

    def _compose(self, buffer: ZBuffer, xyw: Tensor, shader: _Shader, occlusion: Occlusion) -> Rendered:
        height, width = buffer.size
        opaque = buffer.nearest(xyw, self.faces[: self.opaque_faces])
        rgb = torch.zeros(height, width, 3, device=self.device)
        alpha = torch.zeros(height, width, device=self.device)
        label = torch.zeros(height, width, dtype=torch.int64, device=self.device)
        depth = torch.full((height, width), torch.inf, device=self.device)
        hair_faces, hair_uses = self.faces[self.opaque_faces :], self.opaque_faces
        layer: Tensor | None = None
        for _ in range(HAIR_LAYERS if len(hair_faces) else 0):
            layer = buffer.nearest(xyw, hair_faces, above=layer, below=opaque)
            fragments = buffer.fragments(layer, xyw, hair_faces)
            if not len(fragments.face):
                break
            _under(rgb, alpha, label, fragments, *shader.shade(fragments, hair_uses), shader.labels(fragments, hair_uses))
        fragments = buffer.fragments(opaque, xyw, self.faces)
        depth[fragments.y, fragments.x] = fragments.depth_m
        _under(rgb, alpha, label, fragments, *shader.shade(fragments, 0), shader.labels(fragments, 0))
        return self._downscale(rgb, alpha, label, depth, occlusion)

    def _downscale(self, rgb: Tensor, alpha: Tensor, label: Tensor, depth: Tensor, occlusion: Occlusion) -> Rendered:
        s = self.supersample
        planes = torch.cat((rgb.permute(2, 0, 1), alpha[None]))
        small = avg_pool2d(planes[None], s)[0]
        votes = torch.stack([avg_pool2d((label == k).float()[None], s)[0] for k in range(1, len(LABELS))])
        winner = torch.where(small[3] >= 0.5, votes.argmax(0) + 1, 0).to(torch.uint8)
        nearest = -torch.nn.functional.max_pool2d(-depth[None], s)[0]
        return Rendered(small[:3], small[3:], winner, nearest, occlusion)

    def _head_center(self, rotations: np.ndarray, translation_m: np.ndarray) -> np.ndarray:
        from .skeleton import forward_kinematics

        head = forward_kinematics(self.person.joints_m, rotations)[15]
        return head[:3, 3] + head[:3, :3] @ np.array([0.0, 0.06, 0.02]) + translation_m

    def _normals(self, vertices: Tensor, head: Tensor) -> Tensor:
        """Unit vertex normals; hair cards take most of theirs from a ball around the head, which hides that they are cards."""
        corners = self.faces.long()
        a, b, c = (vertices[corners[:, k]] for k in range(3))
        flat = torch.linalg.cross(b - a, c - a)
        normals = torch.zeros_like(vertices).index_add_(0, corners.T.reshape(-1), flat.repeat(3, 1))
        normals = torch.nn.functional.normalize(normals, dim=1)
        ball = torch.nn.functional.normalize(vertices - head, dim=1)
        side = torch.where((normals * ball).sum(1, keepdim=True) < 0, -1.0, 1.0)
        soft = torch.nn.functional.normalize(0.4 * side * normals + 0.6 * ball, dim=1)
        return torch.where(self.is_hair[:, None], soft, normals)


class _Shader:
    """Colours fragments of one frame."""

    def __init__(
        self, renderer: PersonRenderer, vertices: Tensor, normals: Tensor, ambient: Tensor, occlusion: Occlusion, xyw: Tensor
    ) -> None:
        self.r, self.vertices, self.normals, self.ambient = renderer, vertices, normals, ambient
        self.occlusion, self.xyw = occlusion, xyw

    def labels(self, fragments: Fragments, first_face: int) -> Tensor:
        return self.r.label[fragments.face + first_face]

    def shade(self, fragments: Fragments, first_face: int) -> tuple[Tensor, Tensor]:
        """Linear colour [P, 3] and alpha [P]. Ambient light is per vertex, the key's shadow per sample."""
        face = fragments.face + first_face
        corner, weight = self.r.faces[face].long(), fragments.barycentric[..., None]
        owner = self.r.owner[face]
        texel = self._texels(face, owner, fragments)
        point, normal, ambient = ((t[corner] * weight).sum(1) for t in (self.vertices, self.normals, self.ambient))
        view = torch.nn.functional.normalize(-point, dim=1)
        normal = torch.nn.functional.normalize(normal, dim=1)
        normal = torch.where((normal * view).sum(1, keepdim=True) < -0.15, -normal, normal)  # the inside of a hem
        light = self.occlusion.key_direction
        cosine = normal @ light
        wrap = self.r.wrap[owner]
        shadow = self.occlusion.key(point, normal)[:, None]
        key = ((cosine[:, None] + wrap) / (1 + wrap)).clamp_min(0) * shadow
        key_rgb = torch.tensor(self.occlusion.lighting.key_rgb, device=point.device)
        strength, power = self.r.gloss[owner].unbind(1)
        half = torch.nn.functional.normalize(view + light, dim=1)
        gloss = strength * (power + 2) / 8 * (normal * half).sum(1).clamp_min(0) ** power
        rim = strength * (1 - (normal * view).sum(1).clamp(0, 1)) ** 4
        specular = (gloss * (cosine > 0))[:, None] * shadow * key_rgb + rim[:, None] * ambient
        return texel[:, :3] * (ambient + key * key_rgb) + specular, texel[:, 3]

    def _texels(self, face: Tensor, owner: Tensor, fragments: Fragments) -> Tensor:
        uv = (self.r.uv[face] * fragments.barycentric[..., None]).sum(1)
        out = torch.empty(len(face), 4, device=uv.device)
        for k in owner.unique().tolist():
            mine = owner == k
            level = self.r.textures[k].level(self.r.uv[face[mine]], self.xyw[self.r.faces[face[mine]].long(), :2])
            out[mine] = self.r.textures[k].sample(uv[mine], level)
        out[:, 3] = torch.where(out[:, 3] < _ALPHA_CUT, 0.0, out[:, 3])
        return out


def project(vertices: Tensor, camera: Camera, supersample: int = 1) -> Tensor:
    """[V, 3]: pixel x and y in the supersampled image, and 1/depth (negative behind the camera)."""
    xy = camera.project(vertices) * supersample
    return torch.cat((xy, -1.0 / vertices[:, 2:]), 1)


def _under(rgb: Tensor, alpha: Tensor, label: Tensor, fragments: Fragments, color: Tensor, cover: Tensor, kind: Tensor) -> None:
    """Put a layer under what is already there (front to back), in place."""
    y, x = fragments.y, fragments.x
    free = (1 - alpha[y, x]) * cover
    rgb[y, x] += free[:, None] * color
    before = alpha[y, x]
    alpha[y, x] = before + free
    label[y, x] = torch.where((before < 0.5) & (before + free >= 0.5), kind, label[y, x])


def develop(linear: Tensor, exposure: float) -> Tensor:
    """Linear radiance [3, H, W] → sRGB 0..1 with a soft shoulder (Hable-like: x(1 + x/w²)/(1 + x), w = 3.2)."""
    x = linear * exposure * 1.6
    mapped = (x * (1 + x / 3.2**2) / (1 + x * 0.72)).clamp(0, 1)
    return torch.where(mapped <= 0.0031308, mapped * 12.92, 1.055 * mapped.clamp_min(1e-8) ** (1 / 2.4) - 0.055)
