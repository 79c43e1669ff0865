"""Rules of the tree: the library neither prints nor knows the command line; sizes of files and functions; the public names."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import motionimit

LIBRARY = Path(motionimit.__file__).parent
MODULES = sorted(LIBRARY.rglob("*.py"))
SOURCES = [*MODULES, *sorted((LIBRARY.parent / "cli").glob("*.py"))]
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 60


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(LIBRARY)) for p in MODULES])
def test_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not {"click", "rich", "motionimit_cli", "cli"} & set(imported(tree)), "the library must not know the command line"
    calls = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert "print" not in calls, "the library must not print; use the progress callback or the report"
    if path.name != "__init__.py":
        assert ast.get_docstring(tree), "a module says in its first line what it is for"


@pytest.mark.parametrize("path", SOURCES, ids=[f"{p.parent.name}/{p.name}" for p in SOURCES])
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MAX_FILE_LINES, f"{lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, motionimit, motionimit.config, motionimit.runtime; sys.exit(str({'torch', 'cv2'} & set(sys.modules) or ''))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr.strip() == ""


# What others may build on: adding is free, taking away or renaming needs a line in CHANGELOG.md.
PUBLIC = {
    "motionimit": {"__version__"},
    "motionimit.config": {
        "TransferSettings",
        "ViewSettings",
        "PoseSettings",
        "FitRequest",
        "AvatarRequest",
        "PersonalizeRequest",
        "parse_color",
    },
    "motionimit.errors": {"MotionimitError", "BadUsage", "BadInput", "MissingModel", "ShapeError"},
    "motionimit.types": {
        "BodyMesh",
        "BodyParams",
        "FitQuality",
        "Frame",
        "PersonTrack",
        "Photo",
        "Progress",
        "RunReport",
        "VideoInfo",
    },
    "motionimit.pipeline": {"transfer", "view", "pose"},
    "motionimit.jobs": {"fit", "avatar", "personalize"},
    "motionimit.media.reader": {"VideoReader", "probe", "read_frames"},
    "motionimit.media.writer": {"VideoWriter"},
    "motionimit.media.image": {"read_photo", "write_png"},
    "motionimit.body.model": {"BodyModel", "load_body"},
    "motionimit.compositing.label": {"contact_sheet", "grid", "label", "side_by_side"},
    "motionimit.runtime": {"StageClock", "pick_device", "peak_rss_mb"},
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_exist_and_are_documented(module: str) -> None:
    found = importlib.import_module(module)
    missing = {name for name in PUBLIC[module] if not hasattr(found, name)}
    assert not missing, f"{module} lost {missing}"
    bare = {
        name
        for name in PUBLIC[module]
        if callable(getattr(found, name)) and name != "Progress" and not getattr(found, name).__doc__
    }
    assert not bare, f"without a docstring in {module}: {bare}"


SETTINGS_FIELDS = {
    "sources", "driving", "output", "size_px", "camera", "background", "start_s", "duration_s", "max_frames", "person",
    "side_by_side", "alpha", "seed", "device", "body", "generator", "weights", "personalize", "views", "bullet", "sound",
}  # fmt: skip


def test_settings_keep_their_fields_and_defaults() -> None:
    from motionimit.config import TransferSettings

    lost = SETTINGS_FIELDS - {f.name for f in fields(TransferSettings)}
    assert not lost, f"settings lost {lost}"
    defaults = {f.name: f.default for f in fields(TransferSettings)}
    assert (defaults["size_px"], defaults["camera"], defaults["background"], defaults["device"]) == (
        512,
        "smooth",
        "source",
        "auto",
    )


def test_every_transfer_setting_has_its_option() -> None:
    import click
    from motionimit_cli.transfer import command

    options = {p.name for p in command.params if isinstance(p, click.Option)}
    missing = SETTINGS_FIELDS - {"sources", "driving"} - options
    assert not missing, f"settings without an option: {missing}"
