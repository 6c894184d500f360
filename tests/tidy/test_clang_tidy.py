"""The C code is as clang-tidy wants it: .clang-tidy says what that is."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import binary
import pytest
import tree

CLANG_TIDY = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
# Versions know different checks, so that only one of them can be asked.
CLANG_TIDY_VERSION = "version 14."
COMMANDS = binary.BINARY.parent / "compile_commands.json"
FILES_AT_ONCE = 8


def require_clang_tidy():
    if CLANG_TIDY is None:
        pytest.skip("needs clang-tidy")
    told = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, text=True, check=True)
    if CLANG_TIDY_VERSION not in told.stdout:
        pytest.skip(f"needs clang-tidy, {CLANG_TIDY_VERSION} (Debian 12's)")


def complaints(paths, *, before=(), after=()):
    done = subprocess.run(
        [CLANG_TIDY, "--quiet", *before, *map(str, paths), *after],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=binary.ROOT,
    )
    assert done.returncode == 0 or done.stdout, done.stderr
    return [line for line in done.stdout.splitlines() if " error: " in line or " warning: " in line]


def test_clang_tidy_has_nothing_to_say():
    require_clang_tidy()
    if not COMMANDS.exists():
        pytest.skip(f"needs {COMMANDS.name} beside the program")
    built = {entry["file"] for entry in json.loads(COMMANDS.read_text("utf-8"))}
    paths = [path for path in tree.c_files(binary.ROOT, "src") if str(path) in built]
    if not paths:
        pytest.skip("the program was built from another tree")
    assert len(paths) > 100
    parts = [paths[i : i + FILES_AT_ONCE] for i in range(0, len(paths), FILES_AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        told = list(pool.map(lambda part: complaints(part, before=["-p", COMMANDS.parent]), parts))
    assert sorted({line for part in told for line in part}) == []


def test_a_careless_line_is_found(copy):
    require_clang_tidy()
    path = copy.add_line("src/base/text.c", "long planted(int a, int b) { return a * b; }")
    found = complaints(
        [copy.root / path],
        before=[f"--config-file={binary.ROOT / '.clang-tidy'}"],
        after=["--", "-std=c17", "-D_GNU_SOURCE", f"-I{copy.root / 'include'}"],
    )
    assert any("bugprone-implicit-widening" in line for line in found), found
