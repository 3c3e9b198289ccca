"""Everything that `idsharp measure` writes, checked before the work begins."""

import sys
from argparse import Namespace
from pathlib import Path

from idsharp.common.progress import Reporter
from idsharp.common.provenance import provenance
from idsharp.common.records import to_json, write_json, write_rows
from idsharp.measure import duplicate_list, suspects
from idsharp.measure.compared import Compared, compared_text
from idsharp.measure.run import Measured, MeasureError
from idsharp.measure.table import table

#: Version of the JSON record, which docs/measure.schema.json describes.
SCHEMA_VERSION = 1
#: As the name of the JSON file: standard output, without the table.
STDOUT = "-"

_FILES = ("json", "report", "duplicates", "suspects")


def check_outputs(args: Namespace) -> None:
    """Fail before an hour of work, not after it.

    Raises:
        OSError: a folder where a file is to be written, the other way round, or no matplotlib.
    """
    for kind in _FILES:
        path = Path(getattr(args, kind) or "")
        if getattr(args, kind) and path.is_dir():
            raise OSError(f"--{kind} names a folder, {path}; name a file")
    if args.figures and Path(args.figures).exists() and not Path(args.figures).is_dir():
        raise OSError(f"--figures names a file, {args.figures}; name a folder")
    if args.figures or args.report:
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise OSError(
                "figures and the page need matplotlib: pip install 'idsharp[figures]'"
            ) from error


def check_labels(args: Namespace, labels: set[str]) -> None:
    """Raise MeasureError where suspects are asked for and there are no classes to compare."""
    if args.suspects and len(labels) < 2:
        found = "one class" if labels - {""} else "no classes"
        raise MeasureError(
            f"--suspects compares images with those of other classes; there are {found} here"
        )


def write_outputs(
    args: Namespace, measured: Measured, compared: Compared, report: Reporter
) -> None:
    """Print the table, and write the files that were asked for."""
    versions = provenance("numpy", "pillow", "torch")
    if args.json == STDOUT:
        sys.stdout.write(to_json(full_record(measured, compared, versions)))
    else:
        print("\n\n".join(filter(None, [table(measured.record), compared_text(compared)])))
        sys.stdout.flush()
    if args.json not in (None, STDOUT):
        write_json(args.json, full_record(measured, compared, versions))
        report.note(f"wrote {args.json}")
    for kind, rows in (("duplicates", duplicate_list), ("suspects", suspects)):
        if getattr(args, kind):
            write_rows(getattr(args, kind), rows.rows_of(measured), rows.COLUMNS)
            report.note(f"wrote {getattr(args, kind)}")
    if args.report:
        from idsharp.measure.page import write_page

        write_page(Path(args.report), measured, compared, versions)
        report.note(f"wrote {args.report}")
    if args.figures:
        from idsharp.measure.figures import write_figures

        written = write_figures(Path(args.figures), measured, compared)
        report.note(f"wrote {', '.join(written)} to {args.figures}")


def full_record(measured: Measured, compared: Compared, versions: dict) -> dict:
    """Every number and list, as docs/measure.schema.json describes it."""
    return {"schema_version": SCHEMA_VERSION} | measured.record | compared.record | versions
