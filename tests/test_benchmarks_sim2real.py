"""The arithmetic of the sim-to-real table."""

from typing import Any

import pytest

from benchmarks.sim2real import gap_closed, spread, table


def test_the_share_of_the_gap() -> None:
    assert gap_closed(0.45, 0.4, 0.6) == pytest.approx(0.25)
    assert gap_closed(0.3, 0.4, 0.6) == pytest.approx(-0.5)
    assert gap_closed(0.45, 0.6, 0.5) is None


def test_the_table_compares_with_simulation_alone_and_the_oracle() -> None:
    def rows(*values: float) -> dict[str, Any]:
        names = {"iou": 0.0, "iou_half": -0.1, "iou_best": 0.1}
        return spread([{name: v + more for name, more in names.items()} for v in values])

    found = {"none": rows(0.3, 0.5), "flow": rows(0.5, 0.5), "oracle": rows(0.6, 0.6)}
    lines = table(found).splitlines()
    assert lines[2].startswith("| none | 0.400 ± 0.141 | 0.300 ± 0.141 | 0.500 ± 0.141 | 0% | 0% |")
    assert lines[3].startswith("| flow | 0.500 ± 0.000 | 0.400 ± 0.000 | 0.600 ± 0.000 | 50% | 50% |")
    assert lines[4].startswith("| oracle |")
    assert "| 100% | 100% | - |" in lines[4]
    assert "| - | - |" in table({"flow": found["flow"]})
