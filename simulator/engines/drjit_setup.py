"""Loads Dr.Jit and Mitsuba with a compiler that works, or says what is missing.

Dr.Jit picks up whatever LLVM it finds, and Debian 12's version 15 ends the process in the middle of
a kernel ("Cannot select ... fminimum"): no exception to catch. So a library is chosen here, from
version 18 on, before anything is imported. Import `dr` and `mi` from this module only.
"""

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OLDEST_LLVM = 18
LIBRARY_VARIABLE = "DRJIT_LIBLLVM_PATH"
_SYSTEM_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/opt/homebrew/opt/llvm/lib",
)


class EngineUnavailable(ImportError):
    """The embedded engine cannot run on this machine; the message says what to install."""


def _cuda_present() -> bool:
    """Whether an NVIDIA driver with a device answers."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _llvm_version(library: Path) -> int:
    """Major version in a file name such as libLLVM.so.23.1 or libLLVM-18.so.1; 0 where there is none."""
    found = re.search(r"LLVM(?:\.so\.|-|\.)(\d+)", library.name)
    return int(found.group(1)) if found else 0


def find_llvm(prefix: Path, folders: Sequence[Path]) -> Path:
    """The library to use: that of the wheel karellen-llvm-core under `prefix`, else the newest in `folders`.

    Raises:
        EngineUnavailable: None is of version 18 or later.
    """
    wheel = sorted((prefix / "lib").glob("libLLVM.so.[0-9]*"), key=_llvm_version, reverse=True)
    system = [library for folder in folders for library in folder.glob("libLLVM*")]
    for library in (*wheel, *sorted(system, key=_llvm_version, reverse=True)):
        if _llvm_version(library) >= OLDEST_LLVM:
            return library
    raise EngineUnavailable(
        f"no LLVM {OLDEST_LLVM} or newer for the embedded engine: run `pip install karellen-llvm-core` "
        f"(Linux x86-64), or set {LIBRARY_VARIABLE} to such a libLLVM; there is no scalar fallback"
    )


def _preload_wheel_runtime() -> None:
    """The C++ runtime that the wheel's LLVM links to, which no system loader would find there.

    Local, not global: its `operator delete` would free what other libraries' runtime has allocated
    ("free(): invalid pointer" with SciPy or Shapely loaded before).
    """
    folders = sorted((Path(sys.prefix) / "lib").glob("*-linux-gnu"))
    for name in ("libunwind.so.1", "libc++abi.so.1", "libc++.so.1"):
        for library in [folder / name for folder in folders if (folder / name).exists()][:1]:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_LOCAL)


def _choose_llvm() -> None:
    """Points Dr.Jit to a usable LLVM; one that the user named is checked when it has been loaded."""
    if os.environ.get(LIBRARY_VARIABLE):
        return
    library = find_llvm(Path(sys.prefix), [Path(folder) for folder in _SYSTEM_FOLDERS])
    if library.is_relative_to(sys.prefix):
        _preload_wheel_runtime()
    os.environ[LIBRARY_VARIABLE] = str(library)


def _check_libatomic() -> None:
    """Dr.Jit needs one symbol of libatomic, and names another cause where it is missing."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libatomic.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        raise EngineUnavailable(
            "libatomic.so.1 is missing, which Dr.Jit needs: run `apt-get install libatomic1` "
            "(or your system's equivalent)"
        ) from None


_check_libatomic()
VARIANT = "cuda_ad_rgb" if _cuda_present() else "llvm_ad_rgb"
if VARIANT == "llvm_ad_rgb":
    _choose_llvm()

import drjit  # noqa: E402  (after the library has been chosen)
import mitsuba  # noqa: E402

# Any: their stubs know neither arithmetic between the types of a variant nor masks as arguments.
dr: Any = drjit
mi: Any = mitsuba

try:
    mi.set_variant(VARIANT)
except ImportError as error:
    raise EngineUnavailable(f"Mitsuba's variant {VARIANT} cannot start: {error}") from error
if VARIANT == "llvm_ad_rgb" and dr.detail.llvm_version() < (OLDEST_LLVM,):
    raise EngineUnavailable(
        f"{LIBRARY_VARIABLE}={os.environ[LIBRARY_VARIABLE]} is LLVM {dr.detail.llvm_version()}, with which "
        f"Dr.Jit ends the process: unset the variable, or name a libLLVM from version {OLDEST_LLVM} on"
    )

CORES: int = dr.thread_count()
"""That Dr.Jit found for this process, and has a thread each on until it is told otherwise."""

__all__ = ["CORES", "EngineUnavailable", "dr", "mi"]
