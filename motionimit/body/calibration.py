"""Where the detector really puts its landmarks on the open body.

The baked landmark regressor says where a landmark should be by its name; the detector has habits of its own (a "hip" lies
lower and further out, an "ear" nearer the face). The shifts below are the mean residual of ten fitted clips, in the rest frame of
the joint that carries the landmark, left and right tied by mirror symmetry. They halve the reprojection error on other clips.
"""

from __future__ import annotations

import numpy as np

_MM = {
    0: (0, -3, -21),
    1: (-5, -10, -8),
    2: (-5, -11, -11),
    3: (-6, -9, -11),
    7: (-19, -2, 20),
    9: (-4, -2, -10),
    11: (-7, 9, 11),
    13: (-1, -4, 4),
    15: (17, -2, 9),
    17: (-7, 0, 34),
    19: (-15, -3, -7),
    21: (20, 15, -14),
    23: (-10, 8, 16),
    25: (-2, 13, -6),
    27: (4, 17, 3),
    29: (-3, -1, 13),
    31: (0, 20, -28),
}
_RIGHT_OF = {1: 4, 2: 5, 3: 6, **{k: k + 1 for k in _MM if k >= 7}}


def landmark_shift_m() -> np.ndarray:
    """[33, 3] metres, to be added to a landmark's offset from the joint that carries most of it."""
    out = np.zeros((33, 3))
    for k, shift in _MM.items():
        out[k] = shift
        if k in _RIGHT_OF:
            out[_RIGHT_OF[k]] = np.multiply(shift, (-1, 1, 1))
    return out / 1000
