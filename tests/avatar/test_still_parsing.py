"""The parsing map that the networks for stills take: the whole photo, in its place, under their names."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from avatar_material import SIZE_PX, model, standing

from motionimit.avatar.portrait import Portrait, build_portrait
from motionimit.avatar.still_parsing import still_parsing
from motionimit.body.parts import Region
from motionimit.generator.still_inputs import PARSING


@cache
def portrait() -> Portrait:
    person = standing()
    return build_portrait(person.rgb8, person.matte, person.params, model(), SIZE_PX)


@pytest.mark.parametrize("size", [SIZE_PX, (SIZE_PX[0] * 2, SIZE_PX[1] * 2), (SIZE_PX[0] // 2, SIZE_PX[1] // 2)])
def test_the_person_is_in_its_place_at_any_size(size: tuple[int, int]) -> None:
    parsing = still_parsing(portrait(), model(), size)
    assert parsing.shape == size[::-1] and parsing.dtype == np.int64
    assert 0 <= parsing.min() <= parsing.max() < len(PARSING)
    rows, columns = (np.linspace(0, n - 1, m).round().astype(int) for n, m in zip(SIZE_PX[::-1], size[::-1], strict=True))
    person = (standing().matte > 0.5)[rows][:, columns]
    iou = ((parsing > 0) & person).sum() / ((parsing > 0) | person).sum()
    assert iou > 0.9, f"the map covers the person with an IoU of {iou:.2f}"


def test_names_are_where_the_painted_person_has_them() -> None:
    parsing, regions = still_parsing(portrait(), model(), SIZE_PX), _regions()
    expected = {
        "hair": (Region.SCALP,),
        "face": (Region.FACE,),
        "upper": (Region.CHEST, Region.LEFT_UPPER_ARM),
        "lower": (Region.LEFT_THIGH, Region.RIGHT_SHIN),
        "arms": (Region.LEFT_FOREARM, Region.RIGHT_HAND),
        "shoes": (Region.LEFT_FOOT, Region.RIGHT_FOOT),
    }
    for name, places in expected.items():
        here = np.isin(regions, places)
        share = (parsing[here] == PARSING.index(name)).mean()
        assert share > 0.7, f"{100 * share:.0f} % of {name} is called so"


def _regions() -> np.ndarray:
    """[H, W] the bare body's regions in the photo, -1 off it."""
    from motionimit.avatar.posed import pose_body

    params = standing().params
    return pose_body(model(), params, params.camera).region
