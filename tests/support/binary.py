"""The program under test, and how the tests run it."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("ACCRUED_BINARY", ROOT / "build" / "release" / "accrued")).absolute()


def require_binary():
    assert BINARY.exists(), f"{BINARY} is not there: build first, or set ACCRUED_BINARY"
    return BINARY


def rate(paths, no_link=False, timeout=60):
    """`accrued rate` on the files of a case -> the completed process."""
    command = [str(require_binary()), "rate"]
    for option in ("programs", "catalog", "reference", "lines"):
        if paths.get(option):
            command += [f"--{option}", str(paths[option])]
    if no_link:
        command.append("--no-link")
    return subprocess.run(command, capture_output=True, timeout=timeout, check=False)


def rate_events(paths, no_link=False):
    """The events that `accrued rate` writes; it must end well."""
    done = rate(paths, no_link)
    told = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, f"accrued rate ended with {done.returncode}: {told[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def difference(want, got):
    """None, or a text that says where two lists of events differ first. Order counts; the message
    of a dead letter is free text."""
    for number, (w, g) in enumerate(zip(want, got), 1):
        names = [n for n in sorted(set(w) | set(g)) if n != "message"]
        unlike = [n for n in names if w.get(n, "absent") != g.get(n, "absent")]
        if unlike:
            fields = "\n".join(
                f"  {n}: want {w.get(n, 'absent')!r}, got {g.get(n, 'absent')!r}" for n in unlike
            )
            return f"event {number} differs:\n{fields}\nwant {json.dumps(w)}\ngot  {json.dumps(g)}"
    if len(want) != len(got):
        rest = (want if len(want) > len(got) else got)[min(len(want), len(got))]
        return f"want {len(want)} events, got {len(got)}; the first unpaired: {json.dumps(rest)}"
    return None
