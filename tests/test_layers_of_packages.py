"""Imports go down only, never up or sideways."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BELOW = {
    "rasters": set(),
    "backbones": {"rasters"},
    "simulator": {"rasters"},
    "adaptation": {"rasters", "backbones"},
    "segmentation": {"rasters", "backbones"},
    "mapping": {"rasters", "backbones", "segmentation"},
    "pipelines": {"rasters", "backbones", "simulator", "adaptation", "segmentation", "mapping"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", BELOW)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        forbidden = imported(path) & (BELOW.keys() - BELOW[package] - {package})
        assert not forbidden, f"{path.relative_to(ROOT)} imports {forbidden}"


def test_the_ground_floor_knows_no_torch() -> None:
    for path in (ROOT / "rasters").rglob("*.py"):
        assert not imported(path) & {"torch", "kornia", "lightning"}, path


def test_carla_and_ray_stand_in_their_own_package() -> None:
    for package in BELOW:
        for path in (ROOT / package).rglob("*.py"):
            assert not imported(path) & {"carla", "ray"} - set(path.parts) - {path.stem}, path
