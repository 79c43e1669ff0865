"""A foreign skeleton: its bones, its forward kinematics, and SMPL's orientations once it is known how the two are aligned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import so3
from .bvh_file import CHANNELS, BvhFile
from .bvh_names import JointMap
from .parts import SMPL_PARENTS

Array = np.ndarray
NEXT = {1: 4, 2: 5, 4: 7, 5: 8, 7: 10, 8: 11, 16: 18, 17: 19, 18: 20, 19: 21}


@dataclass(frozen=True, slots=True)
class Globals:
    """Orientations [n, 3, 3] and positions [n, 3] in the file's world and unit, per foreign joint."""

    rotations: dict[int, Array]
    positions: dict[int, Array]


@dataclass(frozen=True)
class ForeignSkeleton:
    """The file's joints, which of them are SMPL's, and their offsets."""

    file: BvhFile
    found: JointMap
    rest: Array  # [J, 3] offsets from the parent, in the file's unit

    @classmethod
    def of(cls, file: BvhFile, found: JointMap) -> ForeignSkeleton:
        """Offsets as the frames use them: a joint that has positions in every frame may leave OFFSET at zero."""
        rest = np.array([joint.offset for joint in file.joints], float)
        for j, joint in enumerate(file.joints):
            if joint.parent >= 0 and not rest[j].any():
                for c, name in enumerate(joint.channels):
                    axis, kind = CHANNELS[name]
                    if kind == "position":
                        rest[j, axis] = np.median(file.values[:, joint.first_channel + c])
        return cls(file, found, rest)

    def pose(self, values: Array) -> Globals:
        """Forward kinematics of frames [n, C] for all joints that matter; positions replace OFFSET."""
        needed: set[int] = set()
        for joint in (*self.found.joints.values(), *self.found.spine):
            while joint >= 0 and joint not in needed:
                needed.add(joint)
                joint = self.file.joints[joint].parent
        out = Globals({}, {})
        for j in sorted(needed):
            joint_, count = self.file.joints[j], len(values)
            turn, place = np.tile(np.eye(3), (count, 1, 1)), np.tile(self.rest[j], (count, 1))
            for c, name in enumerate(joint_.channels):
                axis, kind = CHANNELS[name]
                column = values[:, joint_.first_channel + c]
                if kind == "position":
                    place[:, axis] = column
                else:
                    turn = turn @ so3.exp(np.deg2rad(column)[:, None] * np.eye(3)[axis])
            if joint_.parent >= 0:
                above, at = out.rotations[joint_.parent], out.positions[joint_.parent]
                turn, place = above @ turn, at + np.einsum("nab,nb->na", above, place)
            out.rotations[j], out.positions[j] = turn, place
        return out

    def places(self, turned: Mapping[int, Array]) -> dict[int, Array]:
        """Positions [3] of the foreign joints for given global orientations [3, 3]; the root is the origin."""
        out: dict[int, Array] = {}
        for j in sorted(turned):
            parent = self.file.joints[j].parent
            out[j] = out[parent] + turned[parent] @ self.rest[j] if parent >= 0 else np.zeros(3)
        return out

    def between(self, above: int, below: int) -> Array:
        """[3] from a foreign joint to one below it, with no joint turned."""
        out = np.zeros(3)
        while below != above:
            out, below = out + self.rest[below], self.file.joints[below].parent
        return out

    def is_below(self, joint: int, above: int) -> bool:
        while joint > above:
            joint = self.file.joints[joint].parent
        return joint == above

    def bone(self, smpl: int) -> Array | None:
        """[3] from a joint to the next one down its limb, with no joint turned; None where nothing follows."""
        j, target = self.found.joints.get(smpl), self.found.joints.get(NEXT.get(smpl, -1))
        if j is None:
            return None
        if smpl in self.found.knuckles:
            bone = np.mean([self.between(j, finger) for finger in self.found.knuckles[smpl]], 0)
        elif target is not None:
            bone = self.between(j, target)
        else:
            child = next((c for c, joint in enumerate(self.file.joints) if joint.parent == j and self.rest[c].any()), None)
            bone = self.rest[child] if child is not None else np.array(self.file.joints[j].end or (0, 0, 0), float)
        return bone if np.linalg.norm(bone) > 1e-4 * self.leg_units() else None

    def knuckle_line(self, wrist: int) -> Array:
        """[3] from the little (or ring) finger to the index finger, in the hand's axes."""
        index, little = self.found.knuckles[wrist]
        return self.between(self.found.joints[wrist], index) - self.between(self.found.joints[wrist], little)

    def leg_units(self) -> float:
        """Length of thigh and shank in the file's unit, the mean of both sides; it does not depend on the pose."""
        lengths = []
        for hip, knee, ankle in ((1, 4, 7), (2, 5, 8)):
            thigh = self.between(self.found.joints[hip], self.found.joints[knee])
            below = self.found.joints.get(ankle)
            shank = thigh if below is None else self.between(self.found.joints[knee], below)
            lengths.append(np.linalg.norm(thigh) + np.linalg.norm(shank))
        return float(np.mean(lengths))

    def has_lengths(self) -> bool:
        """Whether thighs and upper arms have a length and the sides are apart, without which nothing can be aligned."""
        joints, least = self.found.joints, 1e-3 * self.leg_units()
        pelvis, chest = joints[0], (self.found.spine or (joints[0],))[-1]
        spans = [self.between(joints[a], joints[b]) for a, b in ((1, 4), (2, 5), (16, 18), (17, 19))]
        spans.append(self.between(pelvis, joints[1]) - self.between(pelvis, joints[2]))
        spans.append(self.between(chest, joints[16]) - self.between(chest, joints[17]))
        return least > 0 and all(np.linalg.norm(span) > least for span in spans)


def smpl_globals(found: JointMap, aligned: Mapping[int, Array], seen: Globals) -> Array:
    """[n, 24, 3, 3] global orientations of SMPL's joints in the file's world; joints without a foreign one follow their parent.

    `aligned` holds A_j (see `bvh_align`) per SMPL joint and, for the foreign joints s of the spine, under ~s.
    """
    out = np.empty((len(seen.rotations[found.joints[0]]), 24, 3, 3))
    trunk = [seen.rotations[found.joints[0]] @ aligned[0]]
    trunk += [seen.rotations[j] @ aligned[~j] for j in found.spine if ~j in aligned]
    for smpl in range(24):
        if smpl in (3, 6, 9):
            out[:, smpl] = _along(trunk, (len(trunk) - 1) * smpl / 9)
        elif smpl in found.joints and smpl in aligned:
            out[:, smpl] = seen.rotations[found.joints[smpl]] @ aligned[smpl]
        else:
            out[:, smpl] = out[:, SMPL_PARENTS[smpl]] if smpl else trunk[0]
    if 12 not in found.joints and 15 in aligned:
        out[:, 12] = _along([out[:, 9], out[:, 15]], 0.5)
    return out


def _along(chain: list[Array], place: float) -> Array:
    """Orientations at a (fractional) place of a chain, along the geodesic between its neighbours."""
    k = min(int(place + 1e-9), len(chain) - 1)
    share = place - k
    if share < 1e-9 or k + 1 >= len(chain):
        return chain[k]
    return so3.exp(share * so3.log(chain[k + 1] @ chain[k].swapaxes(-1, -2))) @ chain[k]
