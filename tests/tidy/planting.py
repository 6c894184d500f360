"""A copy of the tree's own files to which a test adds what a rule forbids."""

import shutil

import binary

FOLDERS = ("src", "include")


class Copy:
    def __init__(self, root):
        self.root = root
        for folder in FOLDERS:
            shutil.copytree(binary.ROOT / folder, root / folder)

    def add_line(self, path, line):
        """Puts a line at the end of a file, which is made if it is not there."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        return path

    def write(self, path, content):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content, encoding="utf-8")
        return path
