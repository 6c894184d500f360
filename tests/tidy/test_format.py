"""The C code is as clang-format leaves it, the scripts are as shellcheck wants them."""

import shutil
import subprocess

import binary
import pytest
import tree

CLANG_FORMAT = shutil.which("clang-format-14") or shutil.which("clang-format")
SHELLCHECK = shutil.which("shellcheck")
# Versions disagree about a few lines, so that only one of them can be asked.
CLANG_FORMAT_VERSION = "version 14."


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def require_clang_format():
    if CLANG_FORMAT is None or CLANG_FORMAT_VERSION not in run([CLANG_FORMAT, "--version"]).stdout:
        pytest.skip(f"needs clang-format, {CLANG_FORMAT_VERSION} (Debian 12's)")


def unformatted(root, paths):
    style = binary.ROOT / ".clang-format"
    told = run([CLANG_FORMAT, f"--style=file:{style}", "--dry-run", *map(str, paths)], cwd=root)
    marks = (line for line in told.stderr.splitlines() if "[-Wclang-format-violations]" in line)
    return sorted({mark.split(":")[0].removeprefix(f"{root}/") for mark in marks})


def scripts(root):
    for path in tree.files(root):
        with open(path, "rb") as stream:
            if stream.read(20).startswith((b"#!/usr/bin/env bash", b"#!/bin/sh", b"#!/bin/bash")):
                yield path


def test_clang_format_would_change_nothing():
    require_clang_format()
    paths = list(tree.c_files(binary.ROOT, "src", "include", "tests"))
    assert len(paths) > 100
    assert unformatted(binary.ROOT, paths) == []


def test_a_line_that_is_not_formatted_is_found(copy):
    require_clang_format()
    path = copy.add_line("src/base/text.c", "int  unformatted ( void ) ;")
    assert unformatted(copy.root, [copy.root / path]) == [path]


def test_scripts_pass_shellcheck():
    if SHELLCHECK is None:
        pytest.skip("needs shellcheck")
    found = list(scripts(binary.ROOT))
    assert binary.ROOT / "scripts" / "test" in found
    done = run([SHELLCHECK, *map(str, found)])
    assert done.returncode == 0, done.stdout


def test_shellcheck_finds_something(tmp_path):
    if SHELLCHECK is None:
        pytest.skip("needs shellcheck")
    (tmp_path / "bad").write_text("#!/usr/bin/env bash\nrm -rf $1\n")
    assert run([SHELLCHECK, str(tmp_path / "bad")]).returncode != 0


def is_lax(text):
    """sh, for dpkg's scripts, has no pipefail."""
    wanted = "set -eu" if text.startswith("#!/bin/sh\n") else "set -euo pipefail"
    return f"\n{wanted}\n" not in text


def test_scripts_stop_at_the_first_failure():
    lax = [
        str(path.relative_to(binary.ROOT))
        for path in scripts(binary.ROOT)
        if is_lax(path.read_text("utf-8"))
    ]
    assert lax == []
