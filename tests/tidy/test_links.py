"""Every relative link in the documentation leads somewhere."""

import re

import binary
import pytest

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def missing(path):
    text = path.read_text(encoding="utf-8")
    return [target for target in LINK.findall(text) if not (path.parent / target).exists()]


PAGES = sorted(binary.ROOT.glob("*.md")) + sorted(binary.ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(binary.ROOT)))
def test_links_lead_somewhere(page):
    assert missing(page) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#x) [there](nowhere.md) [web](https://example.org/x)")
    assert missing(page) == ["nowhere.md"]
