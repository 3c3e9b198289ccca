"""Draw the figures of a study from its tables, as PDF and PNG, and as SVG for the study's page."""

import argparse
from pathlib import Path

from idsharp.common.script import run
from idsharp.report import contents
from idsharp.report.figures import registry
from idsharp.report.figures.style import save
from idsharp.report.selection import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the study")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--shown-epsilon", type=int, required=True, help="in 1/255")
    parser.add_argument("--blocks", action="store_true", help="networks were measured by block")
    args = parser.parse_args()

    study = Results(args.results, args.models, args.shown_epsilon)
    for figure in contents.shown(contents.FIGURES, args.blocks):
        stem = args.results / "figures" / figure.name
        save(registry.FIGURES[figure.name](study), stem, figure.suffixes)
        print(figure.name)
    for grid in contents.GRIDS:
        save(registry.GRIDS[grid](study), args.results / "figures" / "all" / grid)
        print(f"all/{grid}")


if __name__ == "__main__":
    run(main)
