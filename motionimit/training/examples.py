"""One synthetic person → photos, target frames, truth, and the inputs that the product would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..avatar.build import Avatar, build_avatar
from ..body.fit import fit_body
from ..body.model import BodyModel
from ..body.retarget import retarget
from ..errors import MotionimitError
from ..flow.transfer import Renderer
from ..generator.inputs import TargetMaps, Truth
from ..generator.maps import Box, TargetMapper, box_of, cropped, source_maps, stacked
from ..pose.detector import PoseDetector
from ..pose.matting import refine_matte
from ..pose.photo import track_photo
from ..types import BodyParams, Photo
from .assets import AssetLibrary
from .bodies import BodyMatcher, shaken
from .casting import cast_person
from .motions import MotionPool
from .people import BodyFactory, Person, build_person
from .render import PersonRenderer, Rendered, develop
from .scenes import Scene, developed_person, random_scene
from .storage import Example
from .visibility import Sight, hidden_from, sight

SEQUENCE_FRAMES = 2
_FITTED = 0.35  # share of people whose photos and frames go through the product's own landmarks, matting and fit
_SHAKEN = 0.6  # share of the others whose exact bodies are shaken like a fit
_CONSTANT_DEG, _JITTER_DEG = 2.0, 0.4
_PHOTOS, _PHOTO_SHARES = (1, 2, 4), (0.6, 0.28, 0.12)
_OVERLAP = 0.55  # intersection over union of drawn and true silhouette below which a fit went astray
_MARGIN_PX = 16
_FRAME_S = 1 / 25


@dataclass(frozen=True, slots=True)
class Studio:
    """What all people share; made once per process."""

    library: AssetLibrary
    factory: BodyFactory
    model: BodyModel
    matcher: BodyMatcher
    pool: MotionPool
    detector: PoseDetector


@dataclass(frozen=True, slots=True)
class Shot:
    """One drawn picture and what is known of it."""

    drawn: Rendered
    rotations: np.ndarray  # [24, 3, 3]
    translation_m: np.ndarray  # [3]
    seen: Sight


class Session:
    """One person before one camera."""

    def __init__(self, studio: Studio, rng: np.random.Generator) -> None:
        self.studio, self.rng = studio, rng
        self.person: Person = build_person(cast_person(rng, studio.library), studio.library, studio.factory)
        self.renderer = PersonRenderer(self.person)
        self.betas = studio.matcher.betas(self.person)
        tall = float(np.ptp(np.concatenate(self.person.posed(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3)))[:, 1]))
        self.scene: Scene = random_scene(rng, tall)
        self.backdrop = develop(self.scene.backdrop.lit(self.scene.lighting, None), self.scene.lighting.exposure)
        self.fitted = rng.random() < _FITTED
        self.shake = (_CONSTANT_DEG, _JITTER_DEG) if rng.random() < _SHAKEN else (0.0, 0.0)

    def shot(self, rotations: np.ndarray, offset_m: np.ndarray) -> Shot:
        """Stand the pose on the floor, `offset_m` (x, z) from the middle, and draw it."""
        lowest = min(float(v[:, 1].min()) for v in self.person.posed(rotations, np.zeros(3)))
        place = np.array([offset_m[0], self.scene.floor_y_m - lowest, offset_m[1] - self.scene.distance_m])
        camera, light = self.scene.camera, self.scene.lighting
        drawn = self.renderer.draw(rotations, place, camera, light)
        return Shot(drawn, rotations, place, sight(self.renderer, rotations, place, camera))

    def picture(self, shot: Shot, shadows: bool) -> np.ndarray:
        """[H, W, 3] uint8 with sensor noise."""
        light = self.scene.lighting
        behind = self.scene.backdrop.lit(light, shot.drawn.occlusion if shadows else None)
        srgb = develop(shot.drawn.rgb + (1 - shot.drawn.alpha) * behind, light.exposure).permute(1, 2, 0).numpy()
        noise = self.rng.normal(0, self.rng.uniform(0.002, 0.012), srgb.shape)
        return (np.clip(srgb + noise, 0, 1) * 255 + 0.5).astype(np.uint8)

    def params(self, shots: Sequence[Shot]) -> BodyParams:
        """The bodies of pictures as the product would know them: fitted, or exact and shaken."""
        model, camera = self.studio.model, self.scene.camera
        if not self.fitted:
            rotations, places = np.stack([s.rotations for s in shots]), np.stack([s.translation_m for s in shots])
            exact = self.studio.matcher.params(self.betas, self.person, rotations, places, camera)
            return shaken(self.rng, exact, *self.shake)
        found = [fit_body(track_photo(self._photo(s), self.studio.detector), model)[0] for s in shots]
        first = found[0]
        return BodyParams(
            torch.cat([f.rotations for f in found]), first.betas, torch.cat([f.translation_m for f in found]), first.camera
        )

    def _photo(self, shot: Shot) -> Photo:
        return Photo(Path("synthetic"), self.picture(shot, shadows=True), None, "")

    def avatar(self, shot: Shot) -> Avatar:
        """The avatar of a photo, cut out by the product's matting or by the true matte."""
        model, size = self.studio.model, self.scene.camera.size_px
        if self.fitted:
            photo = self._photo(shot)
            track = track_photo(photo, self.studio.detector)
            params, _ = fit_body(track, model)
            matte = refine_matte(photo.rgb, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
            return build_avatar(photo.rgb, matte, params, model, size)
        matte = _worn(self.rng, shot.drawn.alpha[0].numpy())
        return build_avatar(self.picture(shot, shadows=False), matte, self.params([shot]), model, size)


def make_example(studio: Studio, seed: Sequence[int], sequences: int, photos: int | None = None) -> Example | None:
    """Draw one person. None where the product could not have worked with the photos (nobody found, or a fit gone astray).

    `photos` fixes the number of source photos, which is drawn at random otherwise.
    """
    rng = np.random.default_rng(seed)
    session = Session(studio, rng)
    count = photos or int(rng.choice(_PHOTOS, p=_PHOTO_SHARES))
    turns = np.concatenate(([0.0], np.pi + np.arange(count - 1) * 2.0 + rng.normal(0, 0.3, max(count - 1, 0))))[:count]
    shots = [session.shot(_turned(studio.pool.source(rng), t), rng.normal(0, 0.06, 2)) for t in turns]
    try:
        avatars = [session.avatar(s) for s in shots]
        session.rng = np.random.default_rng((*seed, 1))  # so that frames are the same for any number of photos
        stage = _Stage(session, shots, avatars)
        done = [s for s in (stage.sequence() for _ in range(sequences)) if s is not None]
    except MotionimitError:  # nobody found, too small: the product would have said so
        return None
    if not done:
        return None
    about = {"seed": ",".join(map(str, seed)), "fitted": str(session.fitted), "photos": str(count)}
    return Example(stage.source, tuple(done), about)


class _Stage:
    """Draws target sequences of a session from its avatars."""

    def __init__(self, session: Session, shots: list[Shot], avatars: list[Avatar]) -> None:
        self.session, self.shots, self.avatars = session, shots, avatars
        model, size = session.studio.model, session.scene.camera.size_px
        maps = [source_maps(a, model) for a in avatars]
        self.source = stacked([m for m, _ in maps])
        self.mapper = TargetMapper(avatars, [s for _, s in maps], model, "cpu")
        self.renderers = [Renderer(a.surface, a.layers, size, a.known) for a in avatars]

    def sequence(self) -> tuple[tuple[TargetMaps, ...], tuple[Truth, ...]] | None:
        session = self.session
        poses = session.studio.pool.sequence(session.rng, SEQUENCE_FRAMES, _FRAME_S)
        offset = session.rng.normal(0, 0.12, 2)
        shots = [session.shot(p, offset) for p in poses]
        params = session.params(shots)
        truth_alpha = torch.stack([s.drawn.alpha[0] for s in shots])
        posed = [self._posed(a, params) for a in self.avatars]
        drawn = [
            [_copied(r.render(p[t], session.scene.camera)) for r, p in zip(self.renderers, posed, strict=True)]
            for t in range(len(shots))
        ]
        alpha = torch.stack([torch.stack([w.rgba[..., 3] for w in frame]).amax(0) for frame in drawn])
        box = box_of(torch.maximum(alpha, truth_alpha).amax(0), _MARGIN_PX)
        if box is None or _overlap(alpha, truth_alpha) < _OVERLAP:
            return None
        targets = tuple(self.mapper.maps(f, posed[0][t], session.scene.camera, box) for t, f in enumerate(drawn))
        return targets, tuple(self._truth(s, box) for s in shots)

    def _posed(self, avatar: Avatar, params: BodyParams) -> Tensor:
        """Skinning transforms [T, 24, 4, 4] of one photo's body in the frames' poses."""
        model = self.session.studio.model
        if self.session.fitted:
            params = retarget(avatar.params, params, model, mode="copy", fps=float(Fraction(25)))
        return model.joint_transforms(params.rotations, model.rest_joints(params.betas), params.translation_m)

    def _truth(self, shot: Shot, box: Box) -> Truth:
        session = self.session
        exact = session.studio.matcher.params(
            session.betas, session.person, shot.rotations[None], shot.translation_m[None], session.scene.camera
        )
        body = self.mapper.regions_of(session.studio.model.mesh(exact).vertices_m[0], session.scene.camera, box)
        alpha = cropped(shot.drawn.alpha, box)
        hidden = hidden_from(session.renderer, shot.seen, [s.seen for s in self.shots])
        rgb = developed_person(shot.drawn.rgb, shot.drawn.alpha, session.scene.lighting.exposure)
        return Truth(
            rgb=cropped(rgb, box)[None],
            alpha=alpha[None],
            body=torch.where(alpha[0] > 0.5, body, -1)[None],
            hidden=cropped(hidden[None].float(), box)[None],
            backdrop=cropped(session.backdrop, box, held=True)[None],
        )


def _turned(rotations: np.ndarray, angle: float) -> np.ndarray:
    """The pose turned about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    out = rotations.copy()
    out[0] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ out[0]
    return out


def _copied(warped):  # type: ignore[no-untyped-def]
    return type(warped)(*(getattr(warped, name).clone() for name in ("rgba", "source_px", "confidence")))


def _worn(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """A matte as matting leaves it: a little too wide or too narrow, a little too soft."""
    grown = rng.normal(0, 0.7)
    size = 1 + 2 * round(abs(grown))
    kernel = np.ones((size, size), np.uint8)
    out = cv2.dilate(alpha, kernel) if grown > 0 else cv2.erode(alpha, kernel)
    return np.clip(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.2)), 0, 1)


def _overlap(a: Tensor, b: Tensor) -> float:
    a, b = a > 0.5, b > 0.5
    return float((a & b).sum() / (a | b).sum().clamp_min(1))
