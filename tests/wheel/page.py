"""Runs the commands and the code of docs/measure.md in one environment: page.py PAGE FOLDER

Prints a list of [what was run, what it ended with, or null], as JSON on the last line. Imports
nothing but the wheel and what it requires. PATH stands for every kind of data in FOLDER, and the
download of CIFAR-10 for a few images.
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys
import traceback
from pathlib import Path

PATHS = (
    "pictures", "medmnist.npz", "images.npz", "images.npy --labels labels.npy", "list.csv",
    "scans", "scans.dcm", "volumes", "volumes/a/0.nii.gz",
)  # fmt: skip
#: How small data is measured.
SMALL = "--max-images 30 -k 4 --m 10 --draws 2"
#: What the code of the page takes for granted.
GIVEN = """
import numpy, torch, torchvision
rng = numpy.random.default_rng(0)
images = rng.integers(0, 256, (1000, 1, 8, 8), dtype=numpy.uint8)
labels = numpy.arange(1000) % 2
points = rng.normal(size=(60, 5))
model = torch.nn.Sequential()
model.add_module("avgpool", torch.nn.AvgPool2d(2))
loader = torch.utils.data.DataLoader(torch.from_numpy(images / 255).float(), batch_size=200)

class Cifar:
    data = rng.integers(0, 256, (90, 32, 32, 3), dtype=numpy.uint8)
    targets = [n % 3 for n in range(90)]

torchvision.datasets.CIFAR10 = lambda folder, download: Cifar
"""


def main() -> None:
    page, folder = sys.argv[1:]
    text = Path(page).read_text("utf-8")
    os.chdir(folder)
    blocks = re.findall(r"```(sh|console|python)\n(.*?)```", text, re.DOTALL)
    ended = [[what, run(what)] for kind, block in blocks for what in steps(kind, block)]
    for option in re.findall(r"^\| `(--[a-z]+)(?: [A-Z.a-z]+)?`", text, re.MULTILINE):
        file = {"--figures": "figures"}.get(option, f"out{option[1:]}")
        what = f"measure pictures {option} {file}"
        ended.append([what, run(what)])
    print(json.dumps(ended))


def steps(kind: str, block: str) -> list[str]:
    """The commands of a block for every kind of data, or its code."""
    if kind == "python":
        return [block]
    commands = re.findall(r"^(?:\$ )?idsharp (.*?)(?:\s+#.*)?$", block, re.MULTILINE)
    return [command.replace("PATH", path) for command in commands
            for path in (PATHS if "PATH" in command else PATHS[:1])]  # fmt: skip


def run(what: str) -> str | None:
    """Run a command or code; what it ended with, None if well."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            if what.startswith("measure "):
                from idsharp.measure.cli import main as idsharp

                idsharp(shlex.split(f"{what} {SMALL}"))
            else:
                exec(GIVEN + what, {"__name__": "page"})
    except SystemExit as end:
        return f"{said.getvalue()}{end}" if end.code else None
    except Exception:
        return traceback.format_exc()
    return None


if __name__ == "__main__":
    main()
