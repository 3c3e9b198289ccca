"""torchvision is imported without torch's compiler where that is possible, and imported anyway."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def run_python(code, *folders):
    path = os.pathsep.join(map(str, [*folders, ROOT]))
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_start_up_does_not_import_the_compiler():
    code = (
        "import sys; from idsharp.models.build import build_model; "
        "from idsharp.training.adam import Adam; "
        "import torch; m = build_model('resnet18', 1, 2, 0).eval(); "
        "from idsharp.common.device import choose_algorithms; "
        "choose_algorithms(torch.device('cuda'), False); "
        "m(torch.rand(2, 1, 32, 32)).sum().backward(); "
        "Adam([p for p in m.parameters()], 1e-3, 0).step(); "
        "assert 'torch._dynamo' not in sys.modules; import torch._dynamo.utils; "
        "from torchvision.ops.roi_align import is_compile_supported as f; "
        "assert f('cpu') == torch._dynamo.utils.is_compile_supported('cpu')"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def imitation(tmp_path):
    """A torch with a compiler, and a torchvision that imports what it is told to."""
    compiler = tmp_path / "torch" / "_dynamo"
    compiler.mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").touch()
    (compiler / "__init__.py").write_text("import sys; sys.compiler_is_loaded = True")
    (compiler / "utils.py").write_text("counters = 'real'\ndef is_compile_supported(d): return d")
    (compiler / "other.py").write_text("counters = 'real'")

    def write(code):
        (tmp_path / "torchvision.py").write_text(code)
        return tmp_path

    return write


IMPORT = "import sys; from idsharp.models._torchvision import torchvision; "


def test_the_predicate_is_answered_by_the_compiler_once_it_is_called(imitation):
    folder = imitation("from torch._dynamo.utils import is_compile_supported")
    code = (
        f"{IMPORT}assert not hasattr(sys, 'compiler_is_loaded'); "
        "assert torchvision.is_compile_supported('cpu') == 'cpu'; assert sys.compiler_is_loaded"
    )
    done = run_python(code, folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "from torch._dynamo.utils import counters",
        "from torch._dynamo.other import counters",
        "import torch._dynamo.utils\ncounters = torch._dynamo.utils.counters",
    ],
)
def test_a_torchvision_that_asks_for_more_is_imported_as_usual(imitation, code):
    done = run_python(f"{IMPORT}assert torchvision.counters == 'real'", imitation(code))
    assert done.returncode == 0, done.stderr


def test_a_missing_torchvision_is_said(imitation):
    done = run_python(IMPORT, imitation("import nowhere"))
    assert "ModuleNotFoundError: No module named 'nowhere'" in done.stderr
