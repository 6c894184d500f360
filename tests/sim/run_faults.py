#!/usr/bin/env python3
"""Plants each fault of faults.py into a copy of a source file, links the simulation anew, and runs
seeds until one fails. A fault that no seed finds within the budget is a hole in the simulation.

    run_faults.py --build BUILD [--seeds 2000] [--seconds 900] [NAME ...]

BUILD is a build directory with the targets sim and accrued_rooms made. Exit code 0: all found."""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

from faults import FAULTS

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def compile_commands(build):
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        commands[pathlib.Path(entry["file"]).resolve()] = shlex.split(entry["command"])
    return commands


def link_command(build):
    out = subprocess.run(["ninja", "-C", build, "-t", "commands", "sim"], check=True,
                         capture_output=True, text=True).stdout
    line = [line for line in out.splitlines() if " -o tests/sim/sim " in line][-1]
    line = line.removeprefix(": && ").removesuffix(" && :")
    return shlex.split(line)


def patched(fault, source):
    """Text of each file with the fault in it."""
    texts = {}
    for name, before, after in fault["edits"]:
        path = source / name
        text = texts.get(path) or path.read_text()
        if text.count(before) != 1:
            raise LookupError(f"{name} has {text.count(before)} times: {before!r}")
        texts[path] = text.replace(before, after)
    return texts


def build_faulty(fault, build, source, commands, link, directory):
    objects = []
    for path, text in patched(fault, source).items():
        copy = directory / path.name
        copy.write_text(text)
        target = directory / (path.stem + ".o")
        command = list(commands[path])
        command[command.index("-c") + 1] = str(copy)
        command[command.index("-o") + 1] = str(target)
        # Private headers stand beside the original; a fault may leave something unused.
        command += ["-iquote", str(path.parent), "-Wno-error", "-w"]
        subprocess.run(command, check=True, cwd=build)
        objects.append(str(target))
    command = list(link)
    program = directory / "sim"
    command[command.index("-o") + 1] = str(program)
    first = next(i for i, word in enumerate(command) if word.endswith(".o"))
    command[first:first] = objects
    # A patched file of the simulation itself takes the place of its object.
    names = {pathlib.Path(o).stem + ".c.o" for o in objects}
    command = [w for w in command if not ("sim.dir/" in w and pathlib.Path(w).name in names)]
    subprocess.run(command, check=True, cwd=build)
    return program


def hunt(program, first, last, seconds, jobs):
    """The first seed that fails, its message, and how long it took; None if none does."""
    began = time.monotonic()
    process = subprocess.Popen([program, "--seeds", f"{first}..{last}", "--jobs", str(jobs)],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        return None, "", time.monotonic() - began
    failed = [line for line in errors.splitlines() if " failed" in line and "seed" in line]
    bugs = [line.split(": ", 3)[-1] for line in errors.splitlines() if "accrued: bug" in line]
    message = failed[0] if failed else ""
    if bugs and message.endswith("Aborted"):
        message += f" ({bugs[0]})"
    return (process.returncode == 1), message, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--source", type=pathlib.Path, default=SOURCE)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=900, help="of a hunt, on a busy machine")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    build = options.build.resolve()
    source = options.source.resolve()
    commands = compile_commands(build)
    link = link_command(build)
    missed = []
    for fault in FAULTS:
        is_wanted = fault["name"] in options.names if options.names else not fault.get("rare")
        if not is_wanted:
            continue
        try:
            with tempfile.TemporaryDirectory() as directory:
                program = build_faulty(fault, build, source, commands, link,
                                       pathlib.Path(directory))
                seeds = fault.get("seeds", options.seeds)
                found, message, seconds = None, "", 0
                if "known" in fault:
                    known = fault["known"]
                    found, message, seconds = hunt(program, known, known, options.seconds, 1)
                if not found:
                    last = fault.get("seeds", options.seeds)
                    found, message, seconds = hunt(program, 1, last, options.seconds, options.jobs)
        except (LookupError, subprocess.CalledProcessError) as error:
            # The source has changed: the edit must be made anew.
            found, message, seconds = False, str(error), 0
        if not found:
            missed.append(fault["name"])
        print(f"{'found ' if found else 'MISSED'} {seconds:6.2f} s  {fault['name']:34} "
              f"{message[:150]}", flush=True)
    print(f"{len(missed)} missed" + (": " + ", ".join(missed) if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
