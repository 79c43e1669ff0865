"""The fused rendering kernels: skin → opaque depth → blend → resolve. One Warp source for CPU and CUDA.

Every surface point carries the texture coordinates of where the source photo saw it and the layer (see `avatar.layers`) it lies
on; this IS the liquid warping flow, evaluated per pixel. Surfaces have soft alpha, so hair and edges survive; coplanar surfaces
within `merge_m` are blended by confidence instead of fighting for the z-buffer, which keeps seams and flicker away.
`flow.reference` is the plain-torch twin.
"""

# Warp reads these annotations at run time, so they can't be postponed to strings.
import warp as wp

from ..runtime import init_warp
from . import surface as parts

init_warp()

OPAQUE = wp.constant(0.95)
FILLING_M = wp.constant(parts.FILLING_M)
SLACK = wp.constant(-1.0e-5)  # barycentrics on an edge round to either side of 0; neighbours must leave no crack there
FAR_M = 1.0e6  # depth of pixels where nothing is drawn


@wp.func
def edge(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> float:
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@wp.func
def inside(a: wp.vec3, b: wp.vec3, c: wp.vec3, area: float, x: int, y: int) -> wp.vec3:
    """Planar barycentrics of the centre of pixel (x, y); a negative component means outside."""
    px, py = float(x) + 0.5, float(y) + 0.5
    u = edge(b[0], b[1], c[0], c[1], px, py) / area
    v = edge(c[0], c[1], a[0], a[1], px, py) / area
    return wp.vec3(u, v, 1.0 - u - v)


@wp.func
def bounds(a: wp.vec3, b: wp.vec3, c: wp.vec3, axis: int, size: int) -> wp.vec2i:
    """First and one-past-last pixel that the triangle can cover along an axis, clipped to the image."""
    low = wp.min(a[axis], wp.min(b[axis], c[axis])) - 0.5
    high = wp.max(a[axis], wp.max(b[axis], c[axis])) + 0.5
    return wp.vec2i(int(wp.clamp(wp.ceil(low), 0.0, float(size))), int(wp.clamp(wp.floor(high), 0.0, float(size))))


@wp.kernel
def depth_keys(screen: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), keys: wp.array2d(dtype=wp.int64)):  # type: ignore[valid-type]
    """One thread per face: packs (depth in µm, face) into 64 bits, so that an atomic minimum keeps the nearest face."""
    f = wp.tid()
    a, b, c = screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]]
    area = edge(a[0], a[1], b[0], b[1], c[0], c[1])
    if wp.abs(area) < 1.0e-9:
        return
    columns = bounds(a, b, c, 0, keys.shape[1])
    rows = bounds(a, b, c, 1, keys.shape[0])
    for y in range(rows[0], rows[1]):
        for x in range(columns[0], columns[1]):
            w = inside(a, b, c, area, x, y)
            if wp.min(w) >= SLACK:
                depth = 1.0 / (w[0] / a[2] + w[1] / b[2] + w[2] / c[2])
                wp.atomic_min(keys, y, x, (wp.int64(depth * 1.0e6) << wp.int64(24)) | wp.int64(f))


@wp.func
def unpack(texel: wp.uint32) -> wp.vec4:
    return wp.vec4(
        float(texel & wp.uint32(255)),
        float((texel >> wp.uint32(8)) & wp.uint32(255)),
        float((texel >> wp.uint32(16)) & wp.uint32(255)),
        float(texel >> wp.uint32(24)),
    ) * (1.0 / 255.0)


@wp.func
def bilinear(layers: wp.array3d(dtype=wp.uint32), layer: int, u: float, v: float) -> wp.vec4:  # type: ignore[valid-type]
    """RGBA in 0..1 at texture pixel (u, v), centres at +0.5, borders held."""
    x = wp.clamp(u - 0.5, 0.0, float(layers.shape[2] - 1))
    y = wp.clamp(v - 0.5, 0.0, float(layers.shape[1] - 1))
    x0 = wp.min(int(x), layers.shape[2] - 2)
    y0 = wp.min(int(y), layers.shape[1] - 2)
    fx = x - float(x0)
    fy = y - float(y0)
    top = unpack(layers[layer, y0, x0]) * (1.0 - fx) + unpack(layers[layer, y0, x0 + 1]) * fx
    low = unpack(layers[layer, y0 + 1, x0]) * (1.0 - fx) + unpack(layers[layer, y0 + 1, x0 + 1]) * fx
    return top * (1.0 - fy) + low * fy


@wp.func
def shown(known: wp.array3d(dtype=wp.uint8), layer: int, u: float, v: float) -> float:  # type: ignore[valid-type]
    """1 where the photo shows the texel that holds texture pixel (u, v), 0 where it was filled in."""
    return float(known[layer, wp.clamp(int(v), 0, known.shape[1] - 1), wp.clamp(int(u), 0, known.shape[2] - 1)])


@wp.kernel
def skin(
    rest: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    bones: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    weights: wp.array2d(dtype=float),  # type: ignore[valid-type]
    transforms: wp.array(dtype=wp.mat44),  # type: ignore[valid-type]
    focal: float,
    cx: float,
    cy: float,
    screen: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """Linear blend skinning and projection to (x_px, y_px, depth_m)."""
    i = wp.tid()
    blend = weights[i, 0] * transforms[bones[i, 0]]
    for k in range(1, bones.shape[1]):
        if weights[i, k] > 0.0:
            blend += weights[i, k] * transforms[bones[i, k]]
    p = wp.transform_point(blend, rest[i])
    depth = wp.max(-p[2], 0.05)
    screen[i] = wp.vec3(cx + focal * p[0] / depth, cy - focal * p[1] / depth, depth)


@wp.kernel
def opaque_depth(
    screen: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    faces: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    uv: wp.array(dtype=wp.vec2),  # type: ignore[valid-type]
    layer: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    bias: wp.array(dtype=float),  # type: ignore[valid-type]
    layers: wp.array3d(dtype=wp.uint32),  # type: ignore[valid-type]
    depth: wp.array2d(dtype=float),  # type: ignore[valid-type]
):
    """Nearest depth of fragments whose alpha is at least OPAQUE, or that are filling; back faces are culled."""
    f = wp.tid()
    a, b, c = screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]]
    area = edge(a[0], a[1], b[0], b[1], c[0], c[1])
    if area > -1.0e-6:  # y runs down on screen: what faces the camera is clockwise here
        return
    ta, tb, tc = uv[faces[f, 0]], uv[faces[f, 1]], uv[faces[f, 2]]
    columns = bounds(a, b, c, 0, depth.shape[1])
    rows = bounds(a, b, c, 1, depth.shape[0])
    for y in range(rows[0], rows[1]):
        for x in range(columns[0], columns[1]):
            w = inside(a, b, c, area, x, y)
            if wp.min(w) >= SLACK:
                w = wp.vec3(w[0] / a[2], w[1] / b[2], w[2] / c[2])
                z = 1.0 / (w[0] + w[1] + w[2])
                if z + bias[f] < depth[y, x]:
                    t = (w[0] * ta + w[1] * tb + w[2] * tc) * z
                    if bias[f] >= FILLING_M or bilinear(layers, layer[f], t[0], t[1])[3] >= OPAQUE:
                        wp.atomic_min(depth, y, x, z + bias[f])


@wp.kernel
def blend(
    screen: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    faces: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    uv: wp.array(dtype=wp.vec2),  # type: ignore[valid-type]
    layer: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    bias: wp.array(dtype=float),  # type: ignore[valid-type]
    confidence: wp.array(dtype=float),  # type: ignore[valid-type]
    layers: wp.array3d(dtype=wp.uint32),  # type: ignore[valid-type]
    known: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
    depth: wp.array2d(dtype=float),  # type: ignore[valid-type]
    merge_m: float,
    surface: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    veil: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    flow: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
):
    """Accumulate fragments: on the opaque surface (within merge_m) into `surface`, translucent ones before it into `veil`.

    surface: (Σ m rgb, Σ m), m = alpha · confidence · (1 - gap / merge_m). veil: (Σ alpha rgb, Σ log(1 - alpha)), with Σ alpha in
    flow's last component. flow: (Σ m u, Σ m v, Σ m confidence where `known`, Σ veil alpha).
    """
    f = wp.tid()
    a, b, c = screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]]
    area = edge(a[0], a[1], b[0], b[1], c[0], c[1])
    if area > -1.0e-6:
        return
    ta, tb, tc = uv[faces[f, 0]], uv[faces[f, 1]], uv[faces[f, 2]]
    columns = bounds(a, b, c, 0, depth.shape[1])
    rows = bounds(a, b, c, 1, depth.shape[0])
    for y in range(rows[0], rows[1]):
        for x in range(columns[0], columns[1]):
            w = inside(a, b, c, area, x, y)
            if wp.min(w) >= SLACK:
                w = wp.vec3(w[0] / a[2], w[1] / b[2], w[2] / c[2])
                z = 1.0 / (w[0] + w[1] + w[2])
                gap = z + bias[f] - depth[y, x]
                if gap < merge_m:
                    t = (w[0] * ta + w[1] * tb + w[2] * tc) * z
                    rgba = bilinear(layers, layer[f], t[0], t[1])
                    alpha = wp.where(bias[f] >= FILLING_M, 0.999, wp.min(rgba[3], 0.999))
                    if alpha > 0.02:
                        if gap > -merge_m:
                            m = alpha * confidence[f] * (1.0 - wp.max(gap, 0.0) / merge_m) + 1.0e-6
                            wp.atomic_add(surface, y, x, wp.vec4(m * rgba[0], m * rgba[1], m * rgba[2], m))
                            trust = m * confidence[f] * shown(known, layer[f], t[0], t[1])
                            wp.atomic_add(flow, y, x, wp.vec4(m * t[0], m * t[1], trust, 0.0))
                        else:
                            wp.atomic_add(
                                veil, y, x, wp.vec4(alpha * rgba[0], alpha * rgba[1], alpha * rgba[2], wp.log(1.0 - alpha))
                            )
                            wp.atomic_add(flow, y, x, wp.vec4(0.0, 0.0, 0.0, alpha))


@wp.func
def drawn(surface: wp.array2d(dtype=wp.vec4), veil: wp.array2d(dtype=wp.vec4), y: int, x: int) -> bool:  # type: ignore[valid-type]
    return surface[y, x][3] > 0.0 or veil[y, x][3] < -0.05


@wp.kernel
def resolve(
    surface: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    veil: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    flow: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    color: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
):
    """Veil over surface → straight (not premultiplied) RGBA in 0..1.

    Where a surface ends without a soft texture edge (a fold, a limb's far side) a 3 x 3 binomial filter takes the stairs away.
    """
    y, x = wp.tid()
    s, v = surface[y, x], veil[y, x]
    rgb = wp.vec3(0.0, 0.0, 0.0)
    alpha = float(0.0)
    if s[3] > 0.0:
        rgb = wp.vec3(s[0], s[1], s[2]) / s[3]
    if s[3] > 0.0 or v[3] >= -0.05:
        near = float(0.0)
        total = wp.vec3(0.0, 0.0, 0.0)
        weight = float(0.0)
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                ny, nx = wp.clamp(y + dy, 0, surface.shape[0] - 1), wp.clamp(x + dx, 0, surface.shape[1] - 1)
                k = float((2 - wp.abs(dy)) * (2 - wp.abs(dx))) / 16.0
                n = surface[ny, nx]
                if n[3] > 0.0:
                    total += k * wp.vec3(n[0], n[1], n[2]) / n[3]
                    weight += k
                    near += k
                elif s[3] > 0.0 and drawn(surface, veil, ny, nx):
                    near += k
        alpha = near
        if s[3] <= 0.0 and weight > 0.0:
            rgb = total / weight
    if v[3] < 0.0:
        cover = 1.0 - wp.exp(v[3])
        front = wp.vec3(v[0], v[1], v[2]) / flow[y, x][3]
        rest = alpha * (1.0 - cover)
        rgb = (front * cover + rgb * rest) / (cover + rest)
        alpha = cover + rest
    color[y, x] = wp.vec4(rgb[0], rgb[1], rgb[2], alpha)


def load(device: str = "cpu") -> None:
    """Compile the kernels for a device, or take them from the cache."""
    wp.load_module(__name__, device=device)
