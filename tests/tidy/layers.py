"""Who may include whom. Rooms in the order in which they stand: an arrow points down only.

A header of include/accrued says its room in its contract comment, `Room: rate.`; a file of src/X is
of room X. A header that two rooms implement says `Rooms: source (Kafka), enrich (Redis).`
"""

import re

ROOMS = (
    "base",
    # core: what a line means
    "rate",
    "decode",
    "ledger",
    "encode",
    # adapters: the world
    "config",
    "instruments",  # log.h and metrics.h of observe: what every adapter may write into
    "enrich",
    "source",
    "publish",
    "observe",
    # wiring; lane, balance and ingest are ways of their own, beside each other
    "ingest",
    "balance",
    "lane",
    "cli",
)
STRANGERS = {("lane", "ingest"), ("lane", "balance"), ("balance", "ingest")}
INSTRUMENTS = {"log.h", "metrics.h"}
INSTRUMENT_STEMS = {"log", "log_line", "metric", "metrics", "metrics_text"}

# A library's header and the ending of the files that may include it.
LIBRARIES = (
    (r"librdkafka/", "_kafka.c"),
    (r"hiredis/", "_redis.c"),
    (r"openssl/", "_redis.c"),
    (r"avro\.h|avro/", "_avro.c"),
    (r"microhttpd\.h", "_http.c"),
    (r"curl/", "_http.c"),
    (r"yaml\.h", "_yaml.c"),
    (r"yajl/", "_json.c"),
    (r"csv\.h", "_csv.c"),
    (r"zlib\.h", "_gzip.c"),
    (r"xxhash\.h", "_xxhash.c"),
    (r"libsmartcols\.h|libsmartcols/", "_smartcols.c"),
)

# The C library's headers that touch nothing outside of the process.
PURE_SYSTEM = {
    "assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
}  # fmt: skip
POSIX = re.compile(
    r"(arpa/inet|dirent|fcntl|fnmatch|getopt|glob|locale|math|net/if|netdb|netinet/[a-z]+|poll|"
    r"pthread|sched|signal|stdatomic|strings|sys/[a-z]+|syslog|termios|time|unistd|wchar)\.h"
)
# Headers of base whose business is the world.
IMPURE_BASE = {"clock.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
CONTRACT = re.compile(r"\A/\* (?P<name>[a-z0-9_]+\.h): (?P<text>.*?)\*/", re.DOTALL)
ROOM = re.compile(r"\bRooms?:\s+(?P<rooms>[^.]+)\.")


def contract(path):
    """The contract comment of a header as one line, or None."""
    found = CONTRACT.match(path.read_text(encoding="utf-8"))
    if not found or found["name"] != path.name:
        return None
    return re.sub(r"\s*\n \*\s*", " ", found["text"])


def rooms_of_contract(text):
    """The rooms that a contract comment names, in ROOMS' words."""
    found = ROOM.search(text or "")
    if not found:
        return ()
    return tuple(name.split()[0] for name in found["rooms"].split(",") if name.split())


def header_rooms(root):
    """{header of include/accrued: its rooms}"""
    rooms = {}
    for path in sorted((root / "include" / "accrued").glob("*.h")):
        named = rooms_of_contract(contract(path))
        rooms[path.name] = ("instruments",) if path.name in INSTRUMENTS else named
    return rooms


def is_pure(path):
    return bool(re.search(r"\bPure\b", contract(path) or ""))


def sources(root):
    return sorted((root / "src").rglob("*.[ch]"))


def includes(path):
    """(is a system header, name) of each #include."""
    return [(mark == "<", name) for mark, name in INCLUDE.findall(path.read_text("utf-8"))]


def included_room(root, path, name, rooms):
    """The rooms of what `path` includes by `"name"`; None where it is not there."""
    if name.startswith("accrued/"):
        return rooms.get(name.removeprefix("accrued/"))
    for base in (path.parent, root / "src"):
        target = (base / name).resolve()
        if target.exists() and target.is_relative_to((root / "src").resolve()):
            return (room_of_source(target),)
    return None


def room_of_source(path):
    """The room of a file in src/X/."""
    is_instrument = path.parent.name == "observe" and path.stem in INSTRUMENT_STEMS
    return "instruments" if is_instrument else path.parent.name


def rank(room):
    return ROOMS.index(room)


def may_include(own, other):
    """Whether a file of the rooms `own` may include a header of the rooms `other`."""
    if set(own) & set(other):
        return True
    if any((mine, theirs) in STRANGERS for mine in own for theirs in other):
        return False
    return max(map(rank, other)) < min(map(rank, own))


def own_rooms(root, path, rooms):
    if path.is_relative_to(root / "include"):
        return rooms[path.name]
    if path.parent == root / "src":
        return ("cli",)  # main.c
    return (room_of_source(path),)


def wrong_rooms(root):
    """Headers without a room, and rooms that are not in the list."""
    wrong = []
    for name, rooms in header_rooms(root).items():
        if not rooms:
            wrong.append(f"include/accrued/{name}: its first comment names no room")
        wrong += [
            f"include/accrued/{name}: there is no room '{room}'"
            for room in rooms
            if room not in ROOMS
        ]
    folders = {path.parent.name for path in sources(root)} - {"src"}
    return wrong + [f"src/{name}: not in the list of rooms" for name in folders - set(ROOMS)]


def wrong_arrows(root):
    """Includes that point up, sideways where rooms are strangers, or nowhere."""
    rooms = header_rooms(root)
    wrong = []
    for path in sources(root) + sorted((root / "include" / "accrued").glob("*.h")):
        own = own_rooms(root, path, rooms)
        for is_system, name in includes(path):
            if is_system:
                continue
            other = included_room(root, path, name, rooms)
            place = f'{path.relative_to(root)}: "{name}"'
            if other is None:
                wrong.append(f"{place} is not there")
            elif not may_include(own, other):
                wrong.append(f"{place}: {'/'.join(own)} may not include {'/'.join(other)}")
    return wrong


def wrong_libraries(root):
    """Library headers outside of the adapter files that are named after the library."""
    wrong = []
    for path in sources(root) + sorted((root / "include").rglob("*.h")):
        for is_system, name in includes(path):
            if not is_system or name in PURE_SYSTEM or POSIX.fullmatch(name):
                continue
            endings = [ending for header, ending in LIBRARIES if re.match(header, name)]
            place = f"{path.relative_to(root)}: <{name}>"
            if not endings:
                wrong.append(f"{place} is of no library that the project knows")
            elif not path.name.endswith(endings[0]):
                wrong.append(f"{place} belongs into a file *{endings[0]}")
    return wrong


def pure_files(root):
    """Headers that call themselves pure, the files that implement them, and all of rate/."""
    pure = {
        path for path in (root / "include" / "accrued").glob("*.h") if is_pure(path)
    }
    names = {path.stem for path in pure}
    for path in sources(root):
        if path.parent.name == "rate" or (path.parent != root / "src" and path.stem in names):
            pure.add(path)
    return sorted(pure)


def wrong_purity(root):
    """Pure files that include the clock, the log, or a header that reaches out of the process."""
    wrong = []
    for path in pure_files(root):
        for is_system, name in includes(path):
            place = f"{path.relative_to(root)}: {name}"
            if is_system and name not in PURE_SYSTEM and not path.stem.endswith("_xxhash"):
                wrong.append(f"{place}, but it is pure")
            elif not is_system and name.split("/")[-1] in INSTRUMENTS | IMPURE_BASE:
                wrong.append(f"{place}, but it is pure")
    return wrong
