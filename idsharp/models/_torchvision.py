"""torchvision, imported without torch's compiler.

`torchvision.ops.roi_align` imports `torch._dynamo` for one predicate, and with it sympy and the
whole compiler, in every one of thousands of jobs, none of which compiles anything. Here a stand-in
answers that one import, and loads the compiler if the predicate is ever called. If torchvision asks
for more, it is imported as usual.

Importing torchvision 0.29 after torch 2.15 takes 0.6 s of processor time this way, and 3.4 s as
usual (differences of medians over five starts, on two busy cores).
"""

import importlib
import sys
from types import ModuleType

_COMPILER = "torch._dynamo.utils"


def import_torchvision() -> ModuleType:
    """Import torchvision, without torch's compiler where that is possible."""
    if "torch._dynamo" in sys.modules or "torchvision" in sys.modules:
        return importlib.import_module("torchvision")
    package, stand_in = ModuleType("torch._dynamo"), ModuleType(_COMPILER)
    vars(package)["utils"] = stand_in
    vars(stand_in)["is_compile_supported"] = _is_compile_supported
    sys.modules |= {package.__name__: package, stand_in.__name__: stand_in}
    try:
        return importlib.import_module("torchvision")
    except (ImportError, AttributeError):
        # torchvision asks the compiler for something else, or is absent; the import below says so.
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    finally:
        del sys.modules[package.__name__], sys.modules[stand_in.__name__]
    return importlib.import_module("torchvision")


def _is_compile_supported(device_type: str) -> bool:
    return importlib.import_module(_COMPILER).is_compile_supported(device_type)


torchvision = import_torchvision()
