"""`mage carla-standin`: a server that speaks CARLA's protocol and draws with the embedded engine."""

import time
from dataclasses import dataclass, fields
from pathlib import Path

from rasters.errors import InputError
from simulator.engines.carla.standin.faults import Faults
from simulator.engines.carla.standin.server import NOTICE, start


@dataclass(frozen=True, kw_only=True)
class Config(Faults):
    """Options of `mage carla-standin`. It is not CARLA.

    Attributes:
        package: Folder of `mage carla-export`; its props are in the blueprint library, as if they had been
            cooked and installed.
        host: Address to listen at.
        port: To listen at, 0 for a free one; streams take a further free one.
    """

    package: Path | None = None
    host: str = "127.0.0.1"
    port: int = 2000

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65536:
            raise InputError(f"port must be in [0, 65535], got {self.port}")
        if self.package is not None and not self.package.is_dir():
            raise InputError(f"{self.package} is no folder; write a package with `mage carla-export`")


def run(config: Config) -> None:
    """Serves until it is interrupted.

    Raises:
        InputError: The port cannot be had.
    """
    faults = Faults(**{f.name: getattr(config, f.name) for f in fields(Faults)})
    try:
        port = start(config.host, config.port, config.package, faults)
    except OSError as error:
        raise InputError(
            f"port {config.port} of {config.host}: {error.strerror}; choose another --port"
        ) from error
    print(NOTICE)
    print(f"listening at {config.host}:{port}", flush=True)
    while True:
        time.sleep(3600)
