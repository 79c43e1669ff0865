"""Every Warp kernel of the library compiles for CUDA, on machines without a GPU too."""

import importlib
import sys
from pathlib import Path

import pytest
import warp as wp

import motionimit

ARCH = 90  # Hopper
ROOT = Path(motionimit.__file__).parent
NEEDED = {"motionimit.flow.kernels", "motionimit.avatar.inpaint"}


def modules_with_kernels():
    found = [path for path in sorted(ROOT.rglob("*.py")) if "@wp.kernel" in path.read_text(encoding="utf-8")]
    return [".".join(("motionimit", *path.relative_to(ROOT).with_suffix("").parts)) for path in found]


def test_the_modules_with_kernels_are_found():
    assert set(modules_with_kernels()) >= NEEDED, modules_with_kernels()


@pytest.mark.skipif(sys.platform == "darwin", reason="Warp has no CUDA compiler on macOS")
@pytest.mark.parametrize("name", modules_with_kernels())
def test_every_kernel_compiles_for_cuda(name, tmp_path):
    module = importlib.import_module(name)
    kernels = list(wp.get_module(name).kernels)
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert len(kernels) == source.count("@wp.kernel"), f"{name} registers {kernels}"
    written = wp.compile_aot_module(module, arch=ARCH, module_dir=tmp_path)
    binaries = [path for path in written if path.suffix in (".cubin", ".ptx") and path.stat().st_size > 0]
    assert binaries, f"{name}: the compiler wrote {written}"
    content = b"".join(path.read_bytes() for path in binaries)
    missing = [kernel for kernel in kernels if f"{kernel}_".encode() not in content]
    assert not missing, f"{name}: {missing} not in {[path.name for path in binaries]}"
