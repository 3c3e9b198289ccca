"""torchvision, imported without torch's compiler.

`torchvision.ops.roi_align` imports `torch._dynamo` for one predicate, and with it sympy and the
whole compiler: four to five seconds in each of thousands of jobs that compile nothing. Here a
stand-in answers that one import and loads the compiler if the predicate is ever asked.
"""

import importlib
import sys
from types import ModuleType

_COMPILER = "torch._dynamo.utils"


def _import_torchvision() -> ModuleType:
    if "torch._dynamo" in sys.modules or "torchvision" in sys.modules:
        return importlib.import_module("torchvision")
    stand_in = ModuleType(_COMPILER)
    stand_in.is_compile_supported = lambda device_type: importlib.import_module(
        _COMPILER
    ).is_compile_supported(device_type)
    parent = ModuleType("torch._dynamo")
    parent.utils = stand_in
    sys.modules["torch._dynamo"], sys.modules[_COMPILER] = parent, stand_in
    try:
        return importlib.import_module("torchvision")
    finally:
        del sys.modules["torch._dynamo"], sys.modules[_COMPILER]


torchvision = _import_torchvision()
