"""The fused feature warp: average the liquid warping flow over a block, sample the photo's features there, weigh by coverage.

One Warp source for CPU and CUDA; `warp.warp_features` holds the plain-torch twin. Features are channels last, so that one
pixel's channels are read in one run; what no photo saw (most of a crop) costs nothing.
"""

# Warp reads these annotations at run time, so they can't be postponed to strings.
import warp as wp

from ..runtime import init_warp

init_warp()


@wp.kernel
def warp_features(
    features: wp.array4d(dtype=float),  # type: ignore[valid-type]
    source_px: wp.array4d(dtype=float),  # type: ignore[valid-type]
    seen: wp.array3d(dtype=float),  # type: ignore[valid-type]
    stride: int,
    warped: wp.array4d(dtype=float),  # type: ignore[valid-type]
    mean_seen: wp.array3d(dtype=float),  # type: ignore[valid-type]
):
    """One thread per pixel of `warped` [M, H/s, W/s, C]; features [K, h/s, w/s, C], source_px [M, 2, H, W], seen [M, H, W].

    K divides M: the K photos of one person serve several frames.
    """
    m, y, x = wp.tid()
    k = m % features.shape[0]
    u = float(0.0)
    v = float(0.0)
    total = float(0.0)
    covered = float(0.0)
    for dy in range(stride):
        for dx in range(stride):
            s = seen[m, y * stride + dy, x * stride + dx]
            if s > 0.0:
                u += s * source_px[m, 0, y * stride + dy, x * stride + dx]
                v += s * source_px[m, 1, y * stride + dy, x * stride + dx]
                total += s
                covered += 1.0
    channels = features.shape[3]
    area = float(stride * stride)
    mean_seen[m, y, x] = total / area
    if total <= 0.0:
        for c in range(channels):
            warped[m, y, x, c] = 0.0
        return
    weight = covered / area
    scale = 1.0 / (total * float(stride))
    fu = wp.clamp(u * scale - 0.5, 0.0, float(features.shape[2] - 1))
    fv = wp.clamp(v * scale - 0.5, 0.0, float(features.shape[1] - 1))
    x0 = int(fu)
    y0 = int(fv)
    x1 = wp.min(x0 + 1, features.shape[2] - 1)
    y1 = wp.min(y0 + 1, features.shape[1] - 1)
    fx = fu - float(x0)
    fy = fv - float(y0)
    w00 = (1.0 - fx) * (1.0 - fy) * weight
    w01 = fx * (1.0 - fy) * weight
    w10 = (1.0 - fx) * fy * weight
    w11 = fx * fy * weight
    for c in range(channels):
        upper = w00 * features[k, y0, x0, c] + w01 * features[k, y0, x1, c]
        warped[m, y, x, c] = upper + w10 * features[k, y1, x0, c] + w11 * features[k, y1, x1, c]


def load(device: str = "cpu") -> None:
    """Compile the kernel for a device, or take it from the cache."""
    wp.load_module(__name__, device=device)
