"""The manual page and the completion know every command and every option."""

import re
import shutil
import subprocess

import binary
import pytest

COMPLETION = binary.ROOT / "config" / "accrued.bash-completion"
OPTION = re.compile(r"^ {2,6}(?:(-[a-z]), )?(--[a-z][a-z-]*)", re.MULTILINE)


def told(*arguments):
    command = [str(binary.require_binary()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def commands():
    return re.findall(r"^  ([a-z]+)  ", told("help"), re.MULTILINE)


def options(command):
    return {option for pair in OPTION.findall(told("help", command)) for option in pair if option}


def sub_commands(command):
    found = re.findall(rf"^(?:Usage:| {{6}}) accrued {command} +([a-z|]+)(?= |$)", told("help", command), re.M)
    return {name for names in found for name in names.split("|")}


def complete(*words):
    """What bash would offer behind these words."""
    script = (
        f"source {COMPLETION}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _accrued;"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "bash", str(binary.require_binary()), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_completion_offers_every_command_and_option():
    assert set(commands()) >= {"run", "topics", "reference", "help"}
    assert complete("") == set(commands())
    assert complete("ru") == {"run"}
    for command in commands():
        if command not in ("help", "version"):
            assert complete(command, "-") >= options(command) > {"-h", "--help"}, command
            assert complete(command, "") == sub_commands(command), command
    assert sub_commands("topics") == {"create", "check", "print"}
    assert complete("rerate", "--dr") == {"--dry-run"}


def test_completion_offers_the_settings():
    names = set(re.findall(r"^\| `([a-z_.]+)`", told("check", "--print-markdown"), re.MULTILINE))
    assert complete("run", "-o", "") == {f"{name}=" for name in names} and len(names) > 50
    assert complete("run", "-o", "redis.password") == {"redis.password=", "redis.password_file="}


@pytest.fixture(scope="module")
def page():
    script = binary.ROOT / "scripts" / "manual"
    command = [str(script), str(binary.require_binary())]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def rendered(page):
    if shutil.which("groff") is None:
        pytest.skip("needs groff")
    done = subprocess.run(
        ["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.replace("‐", "-").replace("−", "-")


def test_the_manual_page_renders_and_tells_all_that_help_tells(page):
    text = rendered(page)
    flat = " ".join(text.split())
    for command in commands():
        if command not in ("help", "version"):
            for line in told("help", command).splitlines():
                assert " ".join(line.split()) in flat, f"{command}: {line}"
    for name in re.findall(r"^\| `([a-z_.]+)`", told("check", "--print-markdown"), re.MULTILINE):
        assert name in flat, name
    assert "SIGHUP" in flat and "/etc/accrued/accrued.yaml" in flat


def test_a_line_that_roff_would_take_for_a_request_stands(page):
    assert not re.search(r"^\.(?![A-Z]{2}\b|nf|fi|B |I |BR |RI |RB |BI |IR |TP|SH |SS |TH )", page, re.M)
