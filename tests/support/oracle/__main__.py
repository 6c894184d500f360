"""python -m oracle --programs P.yaml [--catalog C.yaml] --reference R.jsonl --lines L.jsonl"""

import argparse
import json

from .offline import run_files


def main():
    parser = argparse.ArgumentParser(prog="oracle", description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--catalog")
    parser.add_argument("--reference", required=True)
    parser.add_argument("--lines", required=True)
    parser.add_argument("--no-link", action="store_true")
    given = parser.parse_args()
    events, _ = run_files(
        given.programs, given.catalog, given.reference, given.lines, given.no_link
    )
    for event in events:
        print(json.dumps(event, ensure_ascii=False))


if __name__ == "__main__":
    main()
