"""Which joints of a foreign skeleton are SMPL's, by name for the limbs and by the tree for the trunk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .parts import JOINT_NAMES

# What a sided limb joint may be called, once prefixes, digits and the side are gone; the first that a file has is taken.
# Words such as "leg" or "shoulder" mean different bones in different skeletons: they count where no better word is found.
LIMB_WORDS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "thighbend", "femur", "hip", "leg"),
    "knee": ("lowerleg", "lowleg", "shin", "calf", "tibia", "knee", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toes", "ball", "foot"),
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shldrbend", "humerus", "shoulder"),
    "collar": ("clavicle", "collar", "shoulder"),
    "elbow": ("forearm", "forearmbend", "lowerarm", "lowarm", "loarm", "radius", "elbow"),
    "wrist": ("wrist", "hand"),
}
ABOVE = {"knee": "hip", "ankle": "knee", "foot": "ankle", "elbow": "shoulder", "wrist": "elbow"}
LAST_OF_SPLIT = ("hip", "shoulder")  # where a bone is split into several, the twist of these reaches the last piece
ESSENTIAL = ("hip", "knee", "shoulder", "elbow")
_SIDES = {"l": "left", "left": "left", "lt": "left", "r": "right", "right": "right", "rt": "right"}
_PREFIXES = {
    *("mixamorig", "bip", "biped", "character", "joint", "j", "jt", "def", "bone", "armature", "rig", "skel"),
    *"mfb",
    "avg",
}
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ALL = {word for words in LIMB_WORDS.values() for word in words}


@dataclass(frozen=True, slots=True)
class JointMap:
    """Indices of a foreign skeleton's joints."""

    joints: dict[int, int]  # SMPL joint → its joint; the spine is in `spine`, and what is missing is absent
    spine: tuple[int, ...]  # the trunk's joints above the pelvis, from below, the chest last; () where arms hang on the pelvis
    knuckles: dict[int, tuple[int, int]]  # SMPL wrist → (index finger, little or ring finger)
    unused: tuple[str, ...]  # names of joints, fingers and end points aside, that move nothing here
    missing: tuple[str, ...]  # essential joints that weren't found, in words such as "left elbow"


def split_name(name: str) -> tuple[str, str]:
    """("left" | "right" | "", key) of a joint's name: ("left", "forearm") for mixamorig:LeftForeArm, lowerarm01.L → lowerarm."""
    words = [word.lower() for word in _WORDS.findall(name.rpartition(":")[2])]
    while len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    key = "".join(word for word in words if word not in _SIDES)
    if not side:
        for prefix in ("left", "right", "l", "r"):
            if key.startswith(prefix) and key[len(prefix) :] in _ALL:
                return _SIDES[prefix], key[len(prefix) :]
    return side, key


class _Tree:
    def __init__(self, parents: Sequence[int]) -> None:
        self.parents = parents

    def path(self, joint: int) -> list[int]:
        """The joint and its ancestors, the root last."""
        out = []
        while joint >= 0:
            out.append(joint)
            joint = self.parents[joint]
        return out

    def common(self, a: int, b: int) -> int:
        """The nearest joint above both; -1 where there is none."""
        above = set(self.path(a)[1:])
        return next((joint for joint in self.path(b)[1:] if joint in above), -1)


def map_joints(names: Sequence[str], parents: Sequence[int]) -> JointMap:
    """Find SMPL's joints among `names`; `parents` come before their children, -1 for the root."""
    tree, split = _Tree(parents), [split_name(name) for name in names]
    joints: dict[int, int] = {}
    for side in ("left", "right"):
        limbs = _limbs(tree, {j: key for j, (s, key) in enumerate(split) if s == side})
        joints |= {JOINT_NAMES.index(f"{side}_{role}"): joint for role, joint in limbs.items()}
    missing = [f"{side} {role}" for side in ("left", "right") for role in ESSENTIAL if _smpl(side, role) not in joints]
    if missing:
        return JointMap(joints, (), {}, (), tuple(missing))
    pelvis, chest = tree.common(joints[1], joints[2]), tree.common(joints[16], joints[17])
    while chest > 0 and "neck" in split[chest][1]:  # 3ds Max hangs the arms on the neck
        chest = parents[chest]
    if pelvis < 0 or chest < 0:
        return JointMap(joints, (), {}, (), ("pelvis" if pelvis < 0 else "chest",))
    joints[0] = pelvis
    below = set(tree.path(pelvis))
    spine = tuple(joint for joint in reversed(tree.path(chest)) if joint not in below)
    joints |= _head(tree, split, chest)
    knuckles = {wrist: pair for wrist in (20, 21) if (pair := _knuckles(tree, split, joints.get(wrist)))}
    used = {j for end in (*joints.values(), *spine) for j in tree.path(end)}  # what lies between takes part as well
    hands = {joints[wrist] for wrist in (20, 21) if wrist in joints}
    unused = tuple(n for j, n in enumerate(names) if j not in used and not hands & set(tree.path(j)))
    return JointMap(joints, spine, knuckles, unused, ())


def _smpl(side: str, role: str) -> int:
    return JOINT_NAMES.index(f"{side}_{role}")


def _limbs(tree: _Tree, keys: dict[int, str]) -> dict[str, int]:
    """Role → joint of one side, from the keys of that side's joints."""
    found: dict[str, int] = {}
    taken: set[str] = set()
    for role, words in LIMB_WORDS.items():
        above = found.get(ABOVE.get(role, ""))
        if role in ABOVE and above is None:
            continue
        for word in words:
            places = [j for j, key in keys.items() if key == word and word not in taken]
            if above is not None:
                places = [j for j in places if above in tree.path(j)[1:]]
            if places:
                found[role] = _last_in_row(tree, places) if role in LAST_OF_SPLIT else places[0]
                taken.add(word)
                break
    if "collar" in found and found["collar"] not in tree.path(found.get("shoulder", -1)):
        del found["collar"]
    return found


def _last_in_row(tree: _Tree, places: list[int]) -> int:
    """The last of the joints that follow the first one down the tree."""
    return max((j for j in places if places[0] in tree.path(j)), key=lambda j: len(tree.path(j)))


def _head(tree: _Tree, split: list[tuple[str, str]], chest: int) -> dict[int, int]:
    """The head (15) and the last neck joint before it (12), where they are."""
    heads = [j for j, (side, key) in enumerate(split) if key == "head" and not side and chest in tree.path(j)]
    if heads:
        between = [j for j in tree.path(heads[0])[1:] if chest in tree.path(j)[1:]]
        return {15: heads[0]} | ({12: between[0]} if between else {})
    necks = [j for j, (_, key) in enumerate(split) if key.startswith("neck") and chest in tree.path(j)[1:]]
    return {12: necks[0]} if necks else {}


def _knuckles(tree: _Tree, split: list[tuple[str, str]], wrist: int | None) -> tuple[int, int] | None:
    if wrist is None:
        return None
    fingers = [(j, key) for j, (_, key) in enumerate(split) if wrist in tree.path(j)[1:]]
    first = [j for j, key in fingers if "index" in key]
    last = [j for words in (("pinky", "little"), ("ring",)) for j, key in fingers if any(w in key for w in words)]
    return (first[0], last[0]) if first and last else None
