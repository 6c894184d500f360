"""`accrued rate` and the independent model agree on random experiments, event by event."""

import binary
import pytest
from experiments import SEEDS, keep, mismatch
from generator import ShippedGenerator, make_case


@pytest.mark.parametrize("seed", SEEDS)
def test_the_program_agrees_with_the_model(seed, tmp_path):
    case = make_case(seed)
    told = mismatch(case, tmp_path)
    if told:
        pytest.fail(f"{keep(case, tmp_path, 'rate', mismatch)}\n{told}", pytrace=False)


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_the_program_agrees_under_the_shipped_programs(seed, tmp_path):
    shipped = [binary.ROOT / "config" / name for name in ("programs.yaml", "catalog.yaml")]
    case = ShippedGenerator(seed, *shipped).case()
    told = mismatch(case, tmp_path)
    if told:
        pytest.fail(f"{keep(case, tmp_path, 'shipped', mismatch)}\n{told}", pytrace=False)
