"""Shared by all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a process: tests share the machine

import backbones  # noqa: F401  (first: it makes torchvision importable beside the CPU build of torch)
