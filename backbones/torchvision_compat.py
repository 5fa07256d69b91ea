"""Makes `import torchvision` work beside the CPU build of torch.

torchvision from PyPI is the CUDA build; its `_C.so` needs CUDA libraries that a machine with
`torch==x+cpu` does not have. torchvision tolerates the missing extension, except that it registers
shape functions for `nms` and `qnms`, whose schemas only the extension declares, and so
`import torchvision` raises `RuntimeError: operator torchvision::nms does not exist`
(the class of report pytorch/vision#9077). Declaring the two schemas through the public
`torch.library` is enough. Calling `nms` still fails, as it must. timm, torchmetrics and Lightning
import torchvision, so this runs first: `import backbones` before any of them.
"""

import importlib.util
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def declare_missing_operators() -> torch.library.Library | None:
    """Declares torchvision's two schemas if torch is a CPU build and its extension does not load.

    Returns:
        The library that holds the declarations, which last as long as it does; None if not needed.
    """
    if not torch.__version__.endswith("+cpu") or _extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    return library


def _extension_loads() -> bool:
    found = importlib.util.find_spec("torchvision")  # does not run torchvision
    if found is None or found.origin is None:
        return True  # nothing to mend: torchvision is not installed
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    for extension in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            return False
    return hasattr(torch.ops.torchvision, "nms")
