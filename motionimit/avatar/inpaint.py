"""Patch-based inpainting: what the person hides is put together from patches of the visible surroundings.

Multi-scale patch voting (Wexler, Shechtman, Irani 2007, "Space-Time Completion of Video"), PatchMatch search (Barnes 2009).
Sources along the surroundings' own lines are preferred: on the same height where horizons, floors and shelves run sideways, in
the same column where curtains and corners run up.
"""

import cv2
import numpy as np
import warp as wp

from ..runtime import init_warp
from .fill import push_pull

init_warp()

RADIUS = wp.constant(3)  # patches of 7 x 7
COARSEST_PX, FINEST_PX = 40, 240  # long side of the pyramid's ends
ROUNDS = 4  # search and vote, per level
SIDEWAYS, UPRIGHT = 0.6, 0.1  # cost of a source a whole image height off the row, or the column, where all lines run along it


@wp.func
def patch_cost(
    image: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    usable: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
    y: int,
    x: int,
    sy: int,
    sx: int,
    prior: wp.vec2,
    worst: float,
) -> float:
    """Mean squared difference of the patches at (y, x) and (sy, sx) plus the prior; `worst` for an unusable source."""
    height, width = image.shape[0], image.shape[1]
    if sy < 0 or sx < 0 or sy >= height or sx >= width:
        return worst
    if usable[sy, sx] == wp.uint8(0):
        return worst
    rise = float(sy - y) / float(height)
    shift = float(sx - x) / float(height)
    total = (prior[0] * rise * rise + prior[1] * shift * shift) * 49.0
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            ty, tx = wp.clamp(y + dy, 0, height - 1), wp.clamp(x + dx, 0, width - 1)
            d = image[ty, tx] - image[sy + dy, sx + dx]
            total += wp.dot(d, d)
        if total > worst * 49.0:
            return worst
    return total / 49.0


@wp.kernel
def search(
    image: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    usable: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
    prior: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    wanted: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    seed: int,
    field: wp.array2d(dtype=wp.vec2i),  # type: ignore[valid-type]
    cost: wp.array2d(dtype=float),  # type: ignore[valid-type]
):
    """Improve each wanted pixel's source (y, x) by its neighbours' sources and by random ones in shrinking windows."""
    i = wp.tid()
    y, x = wanted[i, 0], wanted[i, 1]
    height, width = image.shape[0], image.shape[1]
    best = field[y, x]
    along = prior[y, x]
    least = patch_cost(image, usable, y, x, best[0], best[1], along, 1.0e6)
    for k in range(8):
        step = wp.where(k < 4, 1, 4)
        ny = y + wp.where(k % 4 == 0, step, wp.where(k % 4 == 1, -step, 0))
        nx = x + wp.where(k % 4 == 2, step, wp.where(k % 4 == 3, -step, 0))
        if ny >= 0 and nx >= 0 and ny < height and nx < width:
            s = field[ny, nx]
            c = patch_cost(image, usable, y, x, s[0] - ny + y, s[1] - nx + x, along, least)
            if c < least:
                least = c
                best = wp.vec2i(s[0] - ny + y, s[1] - nx + x)
    state = wp.rand_init(seed, i)
    reach = float(wp.max(height, width))
    while reach > 1.0:
        sy = best[0] + int(wp.randf(state, -reach, reach) * 0.4)
        sx = best[1] + int(wp.randf(state, -reach, reach))
        c = patch_cost(image, usable, y, x, sy, sx, along, least)
        if c < least:
            least = c
            best = wp.vec2i(sy, sx)
        reach = reach * 0.5
    field[y, x] = best
    cost[y, x] = least


@wp.kernel
def vote(
    image: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    hole: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
    field: wp.array2d(dtype=wp.vec2i),  # type: ignore[valid-type]
    cost: wp.array2d(dtype=float),  # type: ignore[valid-type]
    out: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """Each hole pixel becomes the mean of what the overlapping patches' sources say, sure patches weighing more."""
    y, x = wp.tid()
    if hole[y, x] == wp.uint8(0):
        out[y, x] = image[y, x]
        return
    total = wp.vec3(0.0, 0.0, 0.0)
    weight = float(0.0)
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            py, px = y + dy, x + dx
            if py >= 0 and px >= 0 and py < image.shape[0] and px < image.shape[1] and cost[py, px] < 1.0e5:
                s = field[py, px]
                w = wp.exp(-cost[py, px] * 60.0) + 1.0e-4
                total += w * image[s[0] - dy, s[1] - dx]
                weight += w
    out[y, x] = wp.where(weight > 0.0, total / wp.max(weight, 1.0e-9), image[y, x])


def load() -> None:
    """Compile the kernels, or take them from the cache."""
    wp.load_module(__name__, device="cpu")


def inpaint(rgb: np.ndarray, hole: np.ndarray, seed: int = 0) -> np.ndarray:
    """Fill hole [H, W] bool of rgb [H, W, 3] float32 (0..1). Deterministic for a seed; runs on the CPU.

    Where too little is visible to take patches from, the hole is filled by diffusion alone.
    """
    base = push_pull(rgb, (~hole).astype(np.float32))
    longest = max(rgb.shape[:2])
    sizes = [min(FINEST_PX, longest)]
    while sizes[-1] * 0.6 > COARSEST_PX:
        sizes.append(round(sizes[-1] * 0.6))
    field: np.ndarray | None = None
    guess = base
    for number, size in enumerate(reversed(sizes)):
        scale = size / longest
        shape = (max(9, round(rgb.shape[1] * scale)), max(9, round(rgb.shape[0] * scale)))
        small = cv2.resize(base, shape, interpolation=cv2.INTER_AREA)
        gap = cv2.resize(hole.astype(np.float32), shape, interpolation=cv2.INTER_AREA) > 0.02
        guess = np.where(gap[..., None], cv2.resize(guess, shape, interpolation=cv2.INTER_LINEAR), small)
        usable = _usable(gap)
        if usable.sum() < 50:
            continue  # too little is left to take patches from at this scale; a finer one may show more
        guess, field = _solve(guess, gap, usable, field, seed + number)
    if field is None:
        return base
    return np.where(hole[..., None], _transplant(base, field, guess, hole), rgb)


def inpainted(rgb: np.ndarray, wanted: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A copy of rgb [H, W, 3] with the hole [H, W] bool filled in the box round what is `wanted` [H, W] bool, from there alone.

    Something must be wanted.
    """
    rows, columns = np.flatnonzero(wanted.any(1)), np.flatnonzero(wanted.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    out = rgb.copy()
    out[window] = inpaint(rgb[window], hole[window])
    return out


def _line_prior(image: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """[h, w, 2] float32 costs of a rise and of a shift: which way the lines near each pixel run, gone on into the gap."""
    grey = cv2.GaussianBlur(image.mean(-1), (0, 0), 1.0)
    steep = (
        np.stack((cv2.Sobel(grey, cv2.CV_32F, 0, 1), cv2.Sobel(grey, cv2.CV_32F, 1, 0)), -1) ** 2
    )  # sideways lines, upright ones
    known = (cv2.dilate(gap.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0).astype(np.float32)
    around = cv2.GaussianBlur(push_pull(steep, known), (0, 0), 0.06 * gap.shape[0]) + 1e-6
    return np.ascontiguousarray(around / around.sum(-1, keepdims=True) * (SIDEWAYS, UPRIGHT), np.float32)


def _usable(gap: np.ndarray) -> np.ndarray:
    """[h, w] uint8: centres of patches that lie inside the image and outside the hole."""
    size = 2 * int(RADIUS) + 1
    blocked = cv2.copyMakeBorder(gap.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    return 1 - cv2.dilate(blocked, np.ones((size, size), np.uint8))[1:-1, 1:-1]


def _solve(
    image: np.ndarray, gap: np.ndarray, usable: np.ndarray, field: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """One pyramid level: the filled image [h, w, 3] and each wanted pixel's source [h, w, 2] (y, x)."""
    height, width = gap.shape
    size = 2 * int(RADIUS) + 1
    wanted = np.argwhere(cv2.dilate(gap.astype(np.uint8), np.ones((size, size), np.uint8)) > 0).astype(np.int32)
    start = _first_field(usable, seed) if field is None else _scaled_field(field, height, width)
    picture = wp.array(np.ascontiguousarray(image, np.float32), dtype=wp.vec3, device="cpu")
    sources = wp.array(np.ascontiguousarray(start, np.int32), dtype=wp.vec2i, device="cpu")
    cost = wp.full((height, width), 1.0e6, dtype=float, device="cpu")
    lines = wp.array(_line_prior(image, gap), dtype=wp.vec2, device="cpu")
    holes, open_ = (wp.array(np.ascontiguousarray(a, np.uint8), device="cpu") for a in (gap, usable))
    places, result = wp.array(wanted, device="cpu"), wp.empty_like(picture)
    for k in range(ROUNDS):
        wp.launch(
            search, len(wanted), inputs=[picture, open_, lines, places, seed * 97 + k], outputs=[sources, cost], device="cpu"
        )
        wp.launch(vote, (height, width), inputs=[picture, holes, sources, cost], outputs=[result], device="cpu")
        picture, result = result, picture
    return picture.numpy().copy(), sources.numpy().copy()


def _first_field(usable: np.ndarray, seed: int) -> np.ndarray:
    places = np.argwhere(usable > 0)
    pick = np.random.default_rng(seed).integers(len(places), size=usable.shape)
    return places[pick]


def _scaled_field(field: np.ndarray, height: int, width: int) -> np.ndarray:
    """The coarser level's offsets, on the finer grid."""
    y, x = np.mgrid[:height, :width]
    rows, columns = y * field.shape[0] // height, x * field.shape[1] // width
    offset = field[rows, columns] - np.stack((rows, columns), -1)
    scale = np.array([height / field.shape[0], width / field.shape[1]])
    return np.round(offset * scale).astype(np.int32) + np.stack((y, x), -1)


def _transplant(base: np.ndarray, field: np.ndarray, guess: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Full-resolution pixels along the coarse offsets, blended where offsets change; low frequencies as the coarse vote."""
    height, width = hole.shape
    rows, columns = field.shape[:2]
    scale = height / rows
    y, x = np.mgrid[:height, :width].astype(np.float32)
    coarse_y, coarse_x = np.clip((y + 0.5) / scale - 0.5, 0, rows - 1), np.clip((x + 0.5) * columns / width - 0.5, 0, columns - 1)
    offset = (field - np.stack(np.mgrid[:rows, :columns], -1)).astype(np.float32) * scale
    copied = np.zeros_like(base)
    for dy in (0, 1):
        for dx in (0, 1):
            r, c = np.minimum(coarse_y.astype(int) + dy, rows - 1), np.minimum(coarse_x.astype(int) + dx, columns - 1)
            share = np.abs(1 - dy - coarse_y % 1) * np.abs(1 - dx - coarse_x % 1)
            o = offset[r, c]
            copied += share[..., None] * cv2.remap(
                base, x + o[..., 1], y + o[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
    smooth = cv2.resize(guess, (width, height), interpolation=cv2.INTER_CUBIC)
    low = cv2.GaussianBlur(smooth - copied, (0, 0), max(1.0, 1.5 * scale))
    return np.clip(copied + low, 0, 1)
