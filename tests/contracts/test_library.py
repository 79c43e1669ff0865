"""Rules of the tree: the library neither prints nor knows the command line; sizes of files and functions; the public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import motionimit

LIBRARY = Path(motionimit.__file__).parent
MODULES = sorted(LIBRARY.rglob("*.py"))
MAX_FILE_LINES = 300
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
    lines = text.count("\n")
    assert lines <= MAX_FILE_LINES, f"{lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"
    if path.name != "__init__.py":
        assert ast.get_docstring(tree), "a module says in its first line what it is for"


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, motionimit, motionimit.config, motionimit.runtime; sys.exit(str({'torch', 'cv2'} & set(sys.modules) or ''))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr.strip() == ""
