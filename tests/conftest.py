"""Shared by all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a process: tests share the machine

from hypothesis import settings

import backbones  # noqa: F401  (first: it makes torchvision importable beside the CPU build of torch)

settings.register_profile("mage", deadline=None, derandomize=True)  # no timing, the same examples each run
settings.load_profile("mage")
