"""The score of the sample dance: footsteps, turns, weight, torso and arm targets over twelve beats. Written by hand."""

from __future__ import annotations

from dataclasses import dataclass

BEATS = 12


@dataclass(frozen=True)
class Step:
    """One foot leaves the floor and lands elsewhere. Position is the ball of the foot."""

    foot: str  # "L" or "R"
    lift: float  # beats
    land: float
    x: float  # metres, the dancer's left is +x
    z: float
    yaw_deg: float  # where the toes point, 0 = to the camera, 90 = to the dancer's left
    height: float = 0.07


STEPS = (
    Step("L", 0.15, 0.85, 0.42, 0.06, 18),
    Step("R", 1.05, 1.80, 0.17, 0.02, -6),  # touch beside
    Step("R", 2.05, 2.80, -0.38, 0.08, -20),
    Step("L", 3.05, 3.80, -0.10, 0.02, 4),  # touch beside
    Step("L", 4.05, 4.70, 0.34, 0.00, 18),
    Step("R", 4.75, 5.20, -0.26, 0.02, -18),
    Step("R", 6.35, 6.95, 0.18, 0.16, 75, 0.09),  # the turn to the left: across ...
    Step("L", 7.00, 7.55, -0.03, -0.08, 175, 0.09),
    Step("R", 7.60, 8.15, -0.10, -0.28, 290, 0.09),
    Step("L", 8.20, 8.75, 0.12, -0.02, 372, 0.09),
    Step("R", 8.80, 9.15, -0.16, 0.04, 348, 0.05),
    Step("L", 9.62, 10.22, 0.24, 0.06, 380, 0.0),  # the jump: both feet
    Step("R", 9.62, 10.22, -0.26, 0.06, 342, 0.0),
    Step("L", 10.75, 11.35, 0.40, 0.24, 385),
)
START = {"L": (0.12, 0.0, 12.0), "R": (-0.12, 0.0, -12.0)}  # x, z, yaw in degrees
JUMP = (9.62, 10.22)  # beats in the air

# fmt: off
# Keyframes: beat, then values; angles in degrees, lengths in metres.
YAW = (
    (0, 0), (1, 8), (2.2, -6), (3, -10), (4.2, 4), (5.5, -4), (6.3, -12), (7.0, 75), (7.6, 170), (8.2, 268), (8.8, 350),
    (9.2, 360), (10.5, 360), (11.4, 374), (12, 374),
)
HIP_ROLL = (
    (0, 0), (0.9, -7), (1.6, 4), (2.9, 7), (3.7, -4), (4.7, -8), (5.2, 8), (5.7, -8), (6.2, 5), (7, 0), (9, 0), (10.2, 0),
    (11.4, -9), (12, -8),
)
CHEST = (  # bow, twist to the left, lean that answers the hips
    (0, 2, 0, 0), (0.9, 4, 12, 6), (1.7, 2, -6, -4), (2.9, 4, -14, -6), (3.7, 2, 4, 4), (4.7, 0, 8, 9), (5.2, 0, -8, -9),
    (5.7, 0, 8, 9), (6.3, 4, -20, 0), (7.0, 2, 8, 0), (8.2, 2, 6, 0), (9.0, 4, 0, 0), (9.5, 16, 0, 0), (9.9, -4, 0, 0),
    (10.4, 12, 0, 0), (11.4, -2, -10, 8), (12, -2, -10, 8),
)
CROUCH = (
    (0, 0.02), (0.5, 0.0), (0.95, 0.05), (1.5, 0.015), (1.95, 0.05), (2.5, 0.0), (2.95, 0.05), (3.5, 0.015), (3.95, 0.05),
    (4.4, 0.01), (4.95, 0.05), (5.45, 0.03), (5.95, 0.05), (6.4, 0.03), (7, 0.02), (8.5, 0.02), (9.1, 0.06), (9.4, 0.17),
    (9.62, 0.0), (10.22, 0.04), (10.45, 0.17), (10.8, 0.05), (11.4, 0.03), (12, 0.05),
)
HEAD = (  # nod, tilt
    (0, 0, 0), (1, 4, 6), (2, -2, 0), (3, 4, -6), (4, -2, 0), (4.7, -6, 8), (5.2, -6, -8), (5.7, -6, 8), (6.5, 0, 0), (9, 2, 0),
    (9.45, 12, 0), (9.9, -10, 0), (10.4, 8, 0), (11.4, -4, 6), (12, -4, 6),
)
SPOT = ((0, 0), (60, -34), (140, -36), (215, 36), (300, 34), (360, 0), (380, -8))  # head's yaw at the body's: turns are spotted

# Hand targets seen from the shoulder, in arm lengths: outwards, up, forward. Then where the elbow points, in the same axes.
REST, LOW = (0.26, -0.90, 0.12), (0.45, -0.35, -0.85)
GROOVE, BENT = (0.16, -0.42, 0.56), (0.55, -0.60, -0.60)
BACK, OUT = (0.40, -0.78, -0.22), (0.80, 0.00, -0.60)
SIDE, FLAT = (0.93, 0.06, 0.12), (0.20, -0.50, -0.85)
HIGH, WIDE = (0.34, 0.86, 0.16), (0.90, -0.10, -0.35)
OVER, CHEST_HAND = (-0.18, 0.82, 0.24), (-0.22, -0.22, 0.50)
REACH, FRONT, HIP_HAND = (0.62, 0.05, 0.62), (0.10, 0.02, 0.93), (0.16, -0.62, 0.02)
ARMS = {
    "L": (
        (0, REST, LOW), (0.9, GROOVE, BENT), (1.7, BACK, LOW), (2.8, CHEST_HAND, BENT), (3.4, SIDE, FLAT),
        (4.0, (0.7, 0.5, 0.3), FLAT), (4.7, HIGH, WIDE), (5.2, OVER, WIDE), (5.7, HIGH, WIDE), (6.3, SIDE, FLAT),
        (7.0, CHEST_HAND, BENT), (8.2, CHEST_HAND, BENT), (8.9, SIDE, FLAT), (9.4, BACK, LOW), (9.68, REACH, FLAT),
        (9.95, HIGH, WIDE), (10.5, SIDE, FLAT), (11.3, HIGH, WIDE), (12, (0.42, 0.84, 0.14), WIDE),
    ),
    "R": (
        (0, REST, LOW), (0.9, BACK, LOW), (1.7, GROOVE, BENT), (2.4, SIDE, FLAT), (2.9, (0.8, 0.5, 0.15), FLAT),
        (3.6, FRONT, BENT), (4.1, (0.5, 0.4, 0.6), FLAT), (4.7, OVER, WIDE), (5.2, HIGH, WIDE), (5.7, OVER, WIDE),
        (6.3, FRONT, BENT), (7.0, CHEST_HAND, BENT), (8.2, CHEST_HAND, BENT), (8.9, SIDE, FLAT), (9.4, BACK, LOW),
        (9.68, REACH, FLAT), (9.95, HIGH, WIDE), (10.5, SIDE, FLAT), (11.2, HIP_HAND, OUT), (12, HIP_HAND, OUT),
    ),
}
# fmt: on
