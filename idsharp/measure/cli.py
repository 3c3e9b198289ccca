"""The `idsharp` command."""

import argparse
import sys
from collections.abc import Sequence

from idsharp.measure.text import show_everything
from idsharp.version import __version__

_DESCRIPTION = """\
Measure the intrinsic dimension and the label sharpness of your own images, and find duplicates.

PATH is one of
  a folder    PNG, JPEG, TIFF, DICOM or NIfTI, in class subfolders (also <split>/<class>/),
              or flat: without classes label sharpness is undefined
  FILE.npz    MedMNIST's layout, or `images` and `labels`
  FILE.npy    images, with --labels FILE.npy
  FILE.csv    columns path and label, and where known patient and split
  a DICOM file or a NIfTI volume (axial slices)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; bad input ends in one line on stderr and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        show_everything(stream)
    args = _parser().parse_args(arguments)
    # Imported only now, so that --help and mistakes in options answer at once.
    from idsharp.datasets import DatasetError
    from idsharp.datasets.errors import UnreadableImageError
    from idsharp.measure.decode import DecodingError
    from idsharp.measure.run import MeasureError

    try:
        _measure(args)
    except (DatasetError, DecodingError, UnreadableImageError, MeasureError, OSError) as error:
        # Messages of other libraries may have several lines.
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="idsharp",
        description="Intrinsic dimension and label sharpness of image datasets.",
    )
    parser.add_argument("--version", action="version", version=f"idsharp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    measure = commands.add_parser(
        "measure",
        help="measure your own images",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measure.add_argument("path", metavar="PATH", help="the images")
    _add_input(measure.add_argument_group("which images"))
    _add_method(measure.add_argument_group("how they are measured"))
    _add_output(measure.add_argument_group("output"))
    return parser


def _add_input(group) -> None:
    group.add_argument("--format", choices=["folder", "npz", "npy", "csv", "dicom", "nifti"],
                       help="what PATH is (default: found out)")  # fmt: skip
    group.add_argument("--labels", metavar="FILE.npy", help="labels of an .npy file of images")
    group.add_argument("--classes", metavar="A,B", help="only these labels, separated by commas")
    group.add_argument("--no-labels", action="store_true", help="ignore classes; dimension alone")
    group.add_argument("--max-images", type=_whole(4), metavar="N",
                       help="images measured at most, drawn at random (default: 7500; 2000 for "
                       "the atlas)")  # fmt: skip
    group.add_argument("--unbalanced", action="store_true",
                       help="measure classes as they are, not as many of each")  # fmt: skip
    group.add_argument("--channel", type=_whole(0), help="channel of 4-D NIfTI volumes, from 0")
    group.add_argument("--central", type=_fraction, metavar="FRACTION",
                       help="fraction of a NIfTI volume's slices, from the middle")  # fmt: skip
    group.add_argument("--allow-outside", action="store_true",
                       help="let a CSV name files outside its folder")  # fmt: skip
    group.add_argument("--skip-unreadable", action="store_true",
                       help="leave out images that cannot be read, and say so")  # fmt: skip


def _add_method(group) -> None:
    group.add_argument("--size", type=_whole(2), metavar="PIXELS",
                       help="resize to PIXELS×PIXELS (default: the images' own size if all are "
                       "equal, else 224; 64 for the atlas)")  # fmt: skip
    group.add_argument("--channels", type=int, choices=[1, 3], default=1,
                       help="1: gray (default), 3: color")  # fmt: skip
    group.add_argument("--scaling", choices=["maximum", "none"], default="maximum",
                       help="each image by its own maximum to 255, as the papers do (default), or "
                       "8-bit intensities as they are")  # fmt: skip
    group.add_argument("-k", type=_whole(3), default=20, help="neighbors of the MLE (default: 20)")
    group.add_argument("--m", type=_whole(2), default=1000, metavar="M",
                       help="images to a draw for label sharpness (default: 1000)")  # fmt: skip
    group.add_argument("--draws", type=_whole(2), default=25, help="draws (default: 25)")
    group.add_argument("--near", type=_positive, metavar="RMS",
                       help="near-duplicates differ by less than this root mean square, in steps "
                       "of 255 (default: 8)")  # fmt: skip
    group.add_argument(
        "--seed", type=_whole(0), default=0, help="seed of random draws (default: 0)"
    )


def _add_output(group) -> None:
    group.add_argument("--report", metavar="FILE.html",
                       help="write one page: findings, tables, pictures")  # fmt: skip
    group.add_argument("--json", metavar="FILE",
                       help="write every number and list; - for standard output")  # fmt: skip
    group.add_argument("--duplicates", metavar="FILE.csv",
                       help="list copies and near-copies, and which to keep")  # fmt: skip
    group.add_argument("--suspects", metavar="FILE.csv",
                       help="rank images by how likely their label is wrong")  # fmt: skip
    group.add_argument("--figures", metavar="DIR", help="write figures, PNG and PDF")
    group.add_argument("--against", nargs="?", const="papers", choices=["papers", "atlas"],
                       help="compare with the papers' published values (default), or with the "
                       "atlas of measured tasks, at 64×64 in gray")  # fmt: skip
    group.add_argument("--predict", action="store_true",
                       help="what accuracy and loss to expect of a ResNet-18 by the atlas, and how "
                       "many images an accuracy needs")  # fmt: skip
    group.add_argument("--accuracy", type=_accuracies, metavar="A,B",
                       help="accuracies for --predict, which it implies (default: "
                       "0.8,0.9,0.95)")  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="no progress, no notes on stderr")


def _measure(args: argparse.Namespace) -> None:
    from idsharp.common.progress import SILENT, TO_STDERR
    from idsharp.measure.atlas import as_in_the_atlas
    from idsharp.measure.audit import NEAR_THRESHOLD
    from idsharp.measure.compared import compare
    from idsharp.measure.inputs import list_images, open_path
    from idsharp.measure.options import MAX_IMAGES, Options
    from idsharp.measure.outputs import check_labels, check_outputs, write_outputs
    from idsharp.measure.run import measure

    check_outputs(args)
    args.predict = args.predict or args.accuracy is not None
    report = SILENT if args.quiet else TO_STDERR
    if args.against == "atlas" or args.predict:
        as_in_the_atlas(args, report)
    given = {name: getattr(args, name) for name in ("labels", "channel", "central")}
    settings = {name: value for name, value in given.items() if value is not None}
    kind, dataset = open_path(args.path, args.format, allow_outside=args.allow_outside, **settings)
    classes = [name.strip() for name in args.classes.split(",")] if args.classes else None
    index = list_images(dataset, classes, args.no_labels)
    check_labels(args, set(index["label"]))
    options = Options(
        args.size, args.channels, args.scaling, args.k, args.max_images or MAX_IMAGES,
        not args.unbalanced,
        args.m, args.draws, NEAR_THRESHOLD if args.near is None else args.near, args.seed,
        args.skip_unreadable, curves=bool(args.json or args.figures or args.report),
    )  # fmt: skip
    names = {"name": dataset.name, "path": args.path, "format": kind}
    measured = measure(dataset, index, options, report, names)
    write_outputs(args, measured, compare(measured.record, args), report)


def _whole(lowest: int):
    def number(text: str) -> int:
        value = int(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{value} is less than {lowest}")
        return value

    number.__name__ = "whole number"
    return number


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 256:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 255")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _accuracies(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(0 < value < 1 for value in values):
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return values


if __name__ == "__main__":
    main()
