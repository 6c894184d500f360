"""Rules for every file; tree.py says them."""

import binary
import pytest
import tree

RULES = (
    tree.too_long,
    tree.without_contract,
    tree.leftovers,
    tree.machine_paths,
    tree.floating_money,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule):
    assert rule(binary.ROOT) == []


@pytest.mark.parametrize(
    ("rule", "path", "line"),
    [
        (tree.too_long, "src/lane/lane.c", "\n" * tree.LINES_MAX),
        (tree.without_contract, "src/lane/new.h", "#define NEW 1"),
        (tree.without_contract, "include/accrued/new.h", "/* old.h: copied. Room: lane. */"),
        (tree.leftovers, "src/lane/lane.c", "/* TO" + "DO: later */"),
        (tree.machine_paths, "src/lane/lane.c", 'static const char *p = "/ho' + 'me/me/x";'),
        (tree.machine_paths, "README.md", "cd /wo" + "rk/main"),
        (tree.floating_money, "src/rate/rating.c", "static double share;"),
        (tree.floating_money, "src/ledger/entry.c", "static int64_t x = (int64_t)(float)1;"),
        (tree.floating_money, "include/accrued/money.h", "long  double amount_of(void);"),
    ],
)
def test_a_planted_violation_is_found(copy, rule, path, line):
    known = rule(copy.root)
    copy.add_line(path, line)
    found = [wrong for wrong in rule(copy.root) if wrong not in known]
    assert len(found) == 1, found
    assert found[0].startswith(path)


def test_the_name_of_a_schema_type_is_no_floating_money(copy):
    known = tree.floating_money(copy.root)
    copy.add_line("src/decode/plan.c", '/* a double is refused */ static const char *n = "double";')
    assert tree.floating_money(copy.root) == known


def test_every_file_is_looked_at():
    looked_at = {str(path.relative_to(binary.ROOT)) for path in tree.files(binary.ROOT)}
    assert {"src/main.c", "CMakeLists.txt", "scripts/test", "tests/tidy/test_tree.py"} <= looked_at
    assert not any(name.startswith("build/") for name in looked_at)
