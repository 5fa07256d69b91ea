"""Shared by all tests."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a process: tests share the machine

from hypothesis import settings

import backbones  # noqa: F401  (first: it makes torchvision importable beside the CPU build of torch)

settings.register_profile("mage", deadline=None, derandomize=True)  # no timing, the same examples each run
settings.load_profile("mage")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where a real CARLA server is, for `tests/test_carla_contract.py`."""
    parser.addoption("--carla-host", default=None, help="address of a CARLA server; the stand-in if none")
    parser.addoption("--carla-port", default=2000, type=int, help="its port")
