"""`accrued rate --summary` adds up what `accrued rate` wrote."""

import json
import re
import subprocess
from collections import defaultdict
from decimal import Decimal

import binary
import pytest
from experiments import SEEDS
from generator import make_case

ROW = re.compile(r"^(\S+) +(\S+) +(money|recognition) +(\d+) +(-?[\d.]+) +([A-Z]{3}) *$", re.MULTILINE)


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_totals_are_the_sums_of_the_accruals(seed, tmp_path):
    case = make_case(seed)
    paths = case.write(tmp_path)
    command = [str(binary.require_binary()), "rate", "--summary"]
    for name, path in paths.items():
        command += [f"--{name}", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    sums = defaultdict(lambda: [0, Decimal(0)])
    for event in map(json.loads, done.stdout.splitlines()):
        if event["type"] == "accrual":
            total = sums[
                event["partner_mpn_id"], event["program_id"], event["pays"], event["currency"]
            ]
            total[0] += 1
            total[1] += Decimal(event["amount"])
    told = {
        (partner, program, pays, currency): [int(count), Decimal(amount)]
        for partner, program, pays, count, amount, currency in ROW.findall(done.stderr.decode())
    }
    assert told == sums
