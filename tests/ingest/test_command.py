"""The command line: mistakes, hints, summaries."""

import os
import pty
import re
import subprocess

import pytest
from binary import require_binary
from feeds import command, write_csv


@pytest.mark.parametrize(
    "arguments, told",
    [
        ([], "which file?"),
        (["--formt", "focus", "x"], 'did you mean "format"'),
        (["--format", "fokus", "x"], 'did you mean "focus"'),
        (["--format", "focus", "--map", "m", "x"], "exclude each other"),
        (["--replaces", "old", "a", "b"], "exactly one FILE"),
        (["--rejects", "r", "a", "b"], "exactly one FILE"),
        (["--billing-period", "2020-13", "x"], "not a month"),
        (["--revision", "-1", "x"], "not a whole number"),
        (["--revision", "yesterday", "x"], "not a whole number"),
        (["--customer", "", "x"], "empty"),
        (["--print-map", "nothing"], "no format"),
        (["--to"], "needs a value"),
        (["--strict=yes", "x"], "takes no value"),
    ],
)
def test_mistakes_in_the_arguments(arguments, told):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert told in done.stderr.decode()
    assert "accrued ingest --help" in done.stderr.decode()


def test_help_goes_to_standard_output():
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    for option in ("--format", "--map", "--to", "--revision", "--replaces", "--rejects"):
        assert option in done.stdout.decode()


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        done = command("--to", "-", path)
        assert done.returncode == 1
        assert str(path) in done.stderr.decode()


def test_quiet(tmp_path):
    done = command("--to", "-", "--quiet", write_csv(tmp_path / "a.csv", "focus"))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_told(tmp_path):
    path = write_csv(tmp_path / "a.csv", "focus", *[{}] * 2000)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [str(require_binary()), "ingest", "--to", "-", str(path)],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert b"standard output" in done.stderr


def test_a_progress_bar_on_a_terminal(tmp_path):
    path = write_csv(tmp_path / "a.csv", "focus", *[{}] * 20000)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(require_binary()), "ingest", "--to", "-", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the terminal's end, as Linux tells it
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    assert re.search(rb"\[#* *\] +\d+%  [\d,]+ lines", shown)
    assert b"20,000 lines, 0 rejected" in shown.rpartition(b"\x1b[K")[2]
