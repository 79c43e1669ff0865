"""The fused Warp kernels against their plain-torch twins, and the laws of the flow."""

import pytest
import torch
from flow_scenes import plane, random_transforms, soup, still, turned

from motionimit.flow.reference import render_reference
from motionimit.flow.surface import FILLING_M, Surface, join
from motionimit.flow.transfer import Renderer
from motionimit.geometry.camera import Camera


@pytest.mark.parametrize(("seed", "size"), [(0, (48, 32)), (1, (33, 47)), (2, (64, 64)), (3, (17, 5)), (4, (5, 90))])
def test_fused_kernels_agree_with_the_torch_twin(seed, size):
    surface, layers = soup(seed)
    camera = Camera.for_image(*size)
    ours = Renderer(surface, layers, size).render(random_transforms(seed), camera).rgba
    twin = render_reference(surface, layers, size, random_transforms(seed), camera)
    worst = (ours - twin).abs().amax(-1)
    share = float((worst > 2e-3).float().mean())  # a pixel centre on an edge may fall to either side
    assert share < 0.01, f"{share:.2%} of pixels differ by more than 0.002 (worst {float(worst.max()):.4f})"
    assert float(twin[..., 3].max()) > 0.5, "the scene is empty: the test would not see a difference"


def test_identity_pose_reproduces_the_photo_and_the_identity_flow():
    size, camera = 24, Camera.for_image(24, 24)
    photo = torch.randint(0, 256, (1, size, size, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photo[..., 3] = 255
    warped = Renderer(plane(-2.0, 0, size, camera), photo, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera)
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    off = float((warped.source_px - torch.stack((x, y), -1)).abs().max())
    assert off < 1e-3, f"identity flow is off by {off} px"
    assert float((warped.rgba - photo[0].float() / 255).abs().max()) < 1e-3


def test_only_what_the_photo_showed_has_confidence():
    size, camera = 24, Camera.for_image(24, 24)
    photo = torch.full((1, size, size, 4), 255, dtype=torch.uint8)
    known = torch.ones(1, size, size, dtype=torch.bool)
    known[:, :, 12:] = False
    poses = torch.eye(4).repeat(24, 1, 1)
    warped = Renderer(plane(-2.0, 0, size, camera), photo, (size, size), known).render(poses, camera)
    assert float(warped.confidence[:, :12].min()) > 0.99, "what the photo showed must keep its confidence"
    assert float(warped.confidence[:, 12:].max()) < 0.01, "what was filled in must have none"
    assert float(warped.rgba[..., 3].min()) > 0.99, "filled texture must be drawn all the same"


def test_translucent_layer_lies_over_the_opaque_one_behind():
    size, camera = 16, Camera.for_image(16, 16)
    layers = torch.zeros(2, size, size, 4, dtype=torch.uint8)
    layers[0] = torch.tensor([255, 0, 0, 255])
    layers[1] = torch.tensor([0, 0, 255, 64])
    scene = join([plane(-2.0, 0, size, camera), plane(-1.5, 1, size, camera)])
    rgba = Renderer(scene, layers, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera).rgba[8, 8]
    expected = torch.tensor([1 - 64 / 255, 0.0, 64 / 255, 1.0])
    assert torch.allclose(rgba, expected, atol=2e-3), rgba


def test_back_faces_are_not_drawn():
    size, camera = 8, Camera.for_image(8, 8)
    quad = plane(-2.0, 0, size, camera)
    turned = Surface(
        quad.rest_m,
        quad.bones,
        quad.weights,
        quad.uv_px,
        quad.faces.flip(1).contiguous(),
        quad.layer,
        quad.bias_m,
        quad.confidence,
    )
    opaque = torch.full((1, size, size, 4), 255, dtype=torch.uint8)
    assert float(Renderer(turned, opaque, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera).rgba[..., 3].max()) == 0


@pytest.mark.parametrize(
    ("seed", "camera"),
    [
        (10, Camera(70.0, (24.0, 20.0), (48, 40))),
        (11, Camera(150.0, (24.0, 20.0), (48, 40))),  # close: faces reach far beyond the image
        (14, Camera(60.0, (17.5, 26.25), (48, 40))),  # off the middle
        (13, Camera.for_image(400, 300).cropped(170.5, 120.25, 60, 50)),
    ],
)
def test_fused_kernels_agree_with_the_torch_twin_in_every_pose_and_camera(seed, camera):
    surface, layers = soup(seed, layers=3)
    renderer = Renderer(surface, layers, camera.size_px)
    for pose in (turned(seed), turned(seed + 1, degrees=180, shift_m=0.0)):
        ours, twin = renderer.render(pose, camera).rgba, render_reference(surface, layers, camera.size_px, pose, camera)
        worst = (ours - twin).abs().amax(-1)
        share = float((worst > 2e-3).float().mean())
        assert share < 0.01, f"{share:.2%} of pixels differ by more than 0.002 (worst {float(worst.max()):.4f})"
        assert float((twin[..., 3] > 0.5).float().mean()) > 0.05, "the scene is empty: the test would not see a difference"


def test_a_frame_does_not_remember_the_one_before():
    surface, layers = soup(0)
    camera = Camera.for_image(48, 32)
    fresh = Renderer(surface, layers, (48, 32)).render(turned(1), camera)
    used = Renderer(surface, layers, (48, 32))
    used.render(turned(2), camera)
    again = used.render(turned(1), camera)
    for name in ("rgba", "source_px", "confidence"):
        off = float((getattr(fresh, name) - getattr(again, name)).abs().max())
        assert off < 1e-4, f"{name} differs by {off:.1e}"


def test_moving_body_or_camera_moves_the_picture():
    """A quad that moves by 4 px to the right shows the photo 4 px to the right, and the flow 4 px less."""
    size, camera = 24, Camera.for_image(24, 24)
    photo = torch.randint(0, 256, (1, size, size, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photo[..., 3] = 255
    shifted = still()
    shifted[:, 0, 3] = 4 * 2.0 / camera.focal_px
    renderer = Renderer(plane(-2.0, 0, size, camera), photo, (size, size))
    expected = photo[0, :, 1 : size - 4].float() / 255
    for pose, lens in ((shifted, camera), (still(), camera.cropped(-4, 0, size, size))):
        warped = renderer.render(pose, lens)
        assert float((warped.rgba[:, 5:] - expected).abs().max()) < 1e-2
        flow_x = warped.source_px[8, 5:, 0] - (torch.arange(5, size) + 0.5)
        assert torch.allclose(flow_x, torch.full_like(flow_x, -4.0), atol=1e-2), flow_x
        assert float(warped.rgba[:, :3, 3].max()) == 0, "nothing is drawn where the quad has left"


@pytest.mark.parametrize("pose", ["behind", "at", "far", "huge"])
def test_whatever_the_pose_the_frame_is_finite(pose):
    surface, layers = soup(3)
    shift = {"behind": 5.0, "at": 2.25, "far": -1e4, "huge": -1e9}[pose]
    transforms = still()
    transforms[:, 2, 3] = shift
    warped = Renderer(surface, layers, (32, 32)).render(transforms, Camera.for_image(32, 32))
    for name in ("rgba", "source_px", "confidence"):
        assert torch.isfinite(getattr(warped, name)).all(), name
    low, high = (float(v) for v in warped.rgba.aminmax())
    assert low >= -1e-4 and high <= 1 + 1e-4, f"RGBA from {low} to {high}"


def test_surfaces_close_together_blend_by_confidence():
    """Two opaque quads 1 mm apart: the mean of their colours by confidence; 5 cm apart the nearer hides the farther."""
    size, camera = 8, Camera.for_image(8, 8)
    layers = torch.zeros(2, size, size, 4, dtype=torch.uint8)
    layers[0], layers[1] = torch.tensor([255, 0, 0, 255]), torch.tensor([0, 0, 255, 255])
    for gap, red in ((0.001, 0.75), (0.05, 0.0)):
        far, near = plane(-2.0 - gap, 0, size, camera), plane(-2.0, 1, size, camera)
        scene = join([far, near])
        scene.confidence[:] = torch.tensor([0.9, 0.9, 0.3, 0.3])
        warped = Renderer(scene, layers, (size, size)).render(still(), camera)
        color = warped.rgba[4, 4]
        assert float((color - torch.tensor([red, 0, 1 - red, 1])).abs().max()) < 0.03, f"{gap} m apart: {color}"


def test_bias_pushes_a_surface_back():
    size, camera = 8, Camera.for_image(8, 8)
    layers = torch.zeros(2, size, size, 4, dtype=torch.uint8)
    layers[0], layers[1] = torch.tensor([255, 0, 0, 255]), torch.tensor([0, 0, 255, 255])
    scene = join([plane(-2.0, 0, size, camera), plane(-2.04, 1, size, camera)])
    for bias, expected in ((0.0, 0), (0.1, 2)):
        scene.bias_m[:2] = bias
        color = Renderer(scene, layers, (size, size)).render(still(), camera).rgba[4, 4]
        assert int(color[:3].argmax()) == expected, f"bias {bias} m: {color}"


def test_filling_is_opaque_where_its_layer_is_clear():
    """The bare body under the shells takes colours from between the places that the photo shows, where layers are clear."""
    size, camera = 8, Camera.for_image(8, 8)
    layers = torch.zeros(1, size, size, 4, dtype=torch.uint8)
    layers[0] = torch.tensor([255, 0, 0, 0])
    scene = plane(-2.0, 0, size, camera)
    for bias, expected in ((0.0, [0.0, 0.0, 0.0, 0.0]), (FILLING_M, [1.0, 0.0, 0.0, 1.0])):
        scene.bias_m[:] = bias
        color = Renderer(scene, layers, (size, size)).render(still(), camera).rgba[4, 4]
        assert (color - torch.tensor(expected)).abs().max() < 0.01, f"bias {bias} m: {color}"


def test_neighbouring_faces_leave_no_crack_where_pixel_centres_lie_on_their_edge():
    """Whole-pixel shifts keep the quad's diagonal on pixel centres; rounding may put them to either side, never outside both."""
    size, camera = 24, Camera.for_image(24, 24)
    renderer = Renderer(plane(-2.0, 0, size, camera), torch.full((1, size, size, 4), 255, dtype=torch.uint8), (size, size))
    cracks = 0
    for pixels in range(-12, 13):
        pose = still()
        pose[:, 0, 3] = pixels * 2.0 / camera.focal_px
        alpha = renderer.render(pose, camera).rgba[..., max(pixels, 0) + 2 : size + min(pixels, 0) - 2, 3]
        cracks += int((alpha < 0.99).sum())
    assert cracks == 0, f"{cracks} pixels are see-through"
