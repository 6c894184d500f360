"""The runbook has something to say for every alert, and its commands are commands."""

import re
import subprocess

import binary
import pytest
import yaml

PAGES = ("operations.md", "security.md")
HEADING = re.compile(r"^### (\w+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
WORDS_MIN = 12


def alerts():
    rules = yaml.safe_load((binary.ROOT / "config" / "prometheus" / "rules.yaml").read_text("utf-8"))
    return {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}


def silent(text, names):
    """Alerts without a heading, or with nothing below it."""
    said = {name: len(body.split()) for name, body in HEADING.findall(text)}
    return sorted(name for name in names if said.get(name, 0) < WORDS_MIN)


def page(name):
    return (binary.ROOT / "docs" / name).read_text("utf-8")


def test_every_alert_has_an_entry():
    assert silent(page("operations.md"), alerts()) == []


def test_no_entry_is_of_an_alert_that_is_no_more():
    named = {name for name, _ in HEADING.findall(page("operations.md")) if name.startswith("Accrued")}
    assert named == alerts()


def test_an_empty_entry_is_found():
    assert silent("### A\n\n### B\n\n" + "word " * 20 + "\n\n## C\n", ["A", "B", "D"]) == ["A", "D"]


def commands(text):
    """(command, options) of every call of accrued in a block of shell."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"accrued ([a-z]+)(.*?)(#.*)?$", line)
            if found:
                yield found[1], set(re.findall(r"(?<!\S)--[a-z-]+", found[2]))


@pytest.mark.parametrize("name", PAGES)
def test_commands_have_the_options_that_they_are_called_with(name):
    for command, options in commands(page(name)):
        told = subprocess.run(
            [str(binary.require_binary()), "help", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert told.returncode == 0, f"{name}: accrued {command}: {told.stderr}"
        for option in options:
            assert option in told.stdout, f"{name}: accrued {command} has no {option}"


def test_the_runbook_calls_accrued():
    assert len(list(commands(page("operations.md")))) > 8
