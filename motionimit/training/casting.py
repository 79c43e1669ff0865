"""Draw people at random: body, skin, hair, clothes and colours from an asset library, all from one seeded generator."""

from __future__ import annotations

import numpy as np

from .assets import AssetLibrary
from .patterns import patterned
from .people import PersonSpec, load_texture

_SKIN_TIGHT = ("female_skinsuit_01", "male_skinsuit_01")  # they lie on the bare skin: other clothes cut through
_STIFF_SUITS = ("female_sportsuit01",)  # leave so much skin bare that its drawn-over texture shows

WORN = (0.5, 0.3, 0.2)  # share of people in an outfit, in a top with a bottom, in a dress
PATTERNED = 0.4  # share of garments that get a pattern


def cast_person(rng: np.random.Generator, library: AssetLibrary) -> PersonSpec:
    """One random adult. Every choice comes from `rng`, so a seed gives the same person again."""
    gender = "female" if rng.random() < 0.5 else "male"
    skin = _pick(rng, [s for s in library.names("skin", gender) if "special" not in s])
    clothes = _clothes(rng, library, gender)
    hair = _pick(rng, library.names("hair", gender))
    face = (_pick(rng, library.names("eyebrows")), _pick(rng, library.names("eyelashes")))
    tints = {name: _tint(rng, 0.35) for name in clothes if rng.random() < 0.6}
    tints[hair] = _tint(rng, 0.25)
    tints["skin"] = _tint(rng, 0.03, 0.1)
    textures = {n: patterned(rng, load_texture(library.image(n), (1.0, 1.0, 1.0))) for n in clothes if rng.random() < PATTERNED}
    return PersonSpec(
        phenotype=_phenotype(rng, gender, skin),
        skin=skin,
        eyes=_pick(rng, [e for e in library.names("eyes") if e.startswith("eye_")]),
        garments=(*clothes, hair, *face),
        tints=tints,
        textures=textures,
        inflate_m={name: 0.012 for name in clothes if library.rows[name]["type"] == "top"},
        finger_curl_deg=float(rng.uniform(2, 18)),
    )


def _clothes(rng: np.random.Generator, library: AssetLibrary, gender: str) -> tuple[str, ...]:
    """An outfit, a dress, or a top with a bottom; shoes with all of them."""
    outfits: list[tuple[str, ...]] = [(o,) for o in library.names("outfit", gender) if o not in _SKIN_TIGHT + _STIFF_SUITS]
    tops, bottoms, dresses = (library.names(kind, gender) for kind in ("top", "bottom", "dress"))
    kinds: tuple[list[tuple[str, ...]], ...] = (outfits, [(b, t) for b in bottoms for t in tops], [(d,) for d in dresses])
    there = [(choices, share) for choices, share in zip(kinds, WORN, strict=True) if choices]
    shares = np.array([share for _, share in there])
    choices = there[rng.choice(len(there), p=shares / shares.sum())][0]
    return (*choices[rng.integers(len(choices))], _pick(rng, library.names("shoes", gender)))


def _phenotype(rng: np.random.Generator, gender: str, skin: str) -> dict[str, float]:
    """Anny's phenotype: 2/3 is 25 years, 1 is 90; the skin's name says which age it was painted for."""
    age = {"young": rng.uniform(0.63, 0.72), "middleage": rng.uniform(0.72, 0.85), "old": rng.uniform(0.88, 0.97)}
    middle = {k: float(np.clip(rng.normal(0.5, 0.18), 0.08, 0.92)) for k in ("muscle", "weight", "proportions")}
    return {
        "gender": float(np.clip(rng.normal(1.0 if gender == "female" else 0.0, 0.12), 0, 1)),
        "age": float(age[skin.split("_")[0]]),
        "height": float(np.clip(rng.normal(0.5, 0.08), 0.25, 0.75)),
        **middle,
    }


def _tint(rng: np.random.Generator, spread: float, brightness: float = 0.3) -> tuple[float, float, float]:
    """Linear RGB factors: `brightness` is shared by the channels, `spread` is each channel's own; both of the logarithm."""
    red, green, blue = np.exp(rng.normal(0, brightness) + rng.normal(0, spread, 3)).clip(0.2, 2.2).tolist()
    return red, green, blue


def _pick(rng: np.random.Generator, names: list[str]) -> str:
    return names[rng.integers(len(names))]
