"""Write envs/idsharp.yaml: what the scripts need, with the pins of envs/requirements.lock."""

import re
import tomllib
from pathlib import Path

HEAD = """\
# What the scripts need, with the pins of requirements.lock, for `snakemake --sdm conda`.
# `make lock` writes it.
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def conda_file(root: Path) -> str:
    """The text of the conda file that belongs to the lock file of this project."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["pipeline"]
    names = sorted(re.split(r"[<>=\[ ]", requirement)[0] for requirement in wanted)
    lock = (root / "envs" / "requirements.lock").read_text(encoding="utf-8")
    # Some packages are pinned twice, for different Pythons; the first pin is that for 3.11.
    pins = dict(reversed(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock, re.MULTILINE)))
    # Snakemake itself starts the environment and is not needed in it.
    lines = [
        f"      - {name}=={pins[name]}\n" for name in names if not name.startswith("snakemake")
    ]
    return HEAD + "".join(lines)


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "idsharp.yaml").write_text(conda_file(folder.parent), encoding="utf-8")
