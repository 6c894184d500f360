"""What holds for every file of the tree: size, contract comment, words that must not be there."""

import re
import subprocess

import layers

LINES_MAX = 500
# Rooms through which money passes.
MONEY_ROOMS = ("rate", "decode", "ledger", "encode")
BINARY_SUFFIXES = {".gz", ".png", ".avro", ".jar", ".ico", ".woff2"}

# Spelt so that these lines do not find themselves.
LEFTOVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
MACHINE_PATH = re.compile(r"(?<![\w.*}])/(?:home|root|Users|work)/\w")
FLOATING = re.compile(r"\b(?:float|double|long\s+double|strtod|strtof|atof)\b")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def files(root):
    """Every file that belongs to the tree; in a checkout what git knows or would take."""
    if (root / ".git").exists():
        told = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True,
            check=True,
        ).stdout.decode()
        found = [root / name for name in told.split("\0") if name]
    else:
        found = list(root.rglob("*"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def texts(root):
    for path in files(root):
        if path.suffix not in BINARY_SUFFIXES:
            yield path, path.read_text(encoding="utf-8", errors="replace")


def c_files(root, *folders):
    for folder in folders:
        yield from sorted((root / folder).rglob("*.[ch]"))


def too_long(root):
    return [
        f"{path.relative_to(root)}: {count} lines, at most {LINES_MAX}"
        for path in c_files(root, "src", "include")
        if (count := len(path.read_text("utf-8").splitlines())) > LINES_MAX
    ]


def without_contract(root):
    return [
        f"{path.relative_to(root)}: does not begin with /* {path.name}: …"
        for path in c_files(root, "src", "include")
        if path.suffix == ".h" and layers.contract(path) is None
    ]


def lines_with(root, pattern):
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()[:100]}"
        for path, text in texts(root)
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def leftovers(root):
    return lines_with(root, LEFTOVER)


def machine_paths(root):
    return lines_with(root, MACHINE_PATH)


def floating_money(root):
    """float and double in the code of the rooms through which money passes."""
    headers = [
        root / "include" / "accrued" / name
        for name, rooms in layers.header_rooms(root).items()
        if set(rooms) & set(MONEY_ROOMS)
    ]
    rooms = [f"src/{room}" for room in MONEY_ROOMS]
    return [
        f"{path.relative_to(root)}: {found}"
        for path in [*c_files(root, *rooms), *headers]
        for found in FLOATING.findall(NOT_CODE.sub(" ", path.read_text("utf-8")))
    ]
