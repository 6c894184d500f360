"""What is written about the options is what the program says about them."""

import re
import subprocess

import binary
import pytest

MARKED = re.compile(r"<!-- options:begin -->\n(.*?)<!-- options:end -->", re.DOTALL)


def printed(what):
    command = [str(binary.require_binary()), "check", what]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def table_of(page):
    """What stands between the marks of a page, or None."""
    found = MARKED.search(page)
    return found and found[1].strip()


def test_the_example_configuration_is_what_the_program_prints():
    assert (binary.ROOT / "config" / "accrued.yaml").read_text("utf-8") == printed(
        "--print-example"
    ), "write it again: accrued check --print-example > config/accrued.yaml"


def test_the_table_of_options_is_what_the_program_prints():
    if not (binary.ROOT / "README.md").exists():
        pytest.skip("there is no README.md")
    pages = [binary.ROOT / "README.md", *sorted((binary.ROOT / "docs").rglob("*.md"))]
    tables = {page: table_of(page.read_text("utf-8")) for page in pages}
    tables = {page: table for page, table in tables.items() if table is not None}
    assert tables, "no page has a table of options between its marks"
    for page, table in tables.items():
        assert table == printed("--print-markdown").strip(), page.name


def test_the_marks_are_found_and_a_difference_is_seen():
    page = "# x\n<!-- options:begin -->\n| a |\n\n| b |\n<!-- options:end -->\nmore\n"
    assert table_of(page) == "| a |\n\n| b |"
    assert table_of("# x\n") is None
    assert table_of(page) != printed("--print-markdown").strip()
