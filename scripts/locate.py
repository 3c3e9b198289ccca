"""Make sure that a dataset's files are there, and write a receipt with their checksums."""

import argparse
import json

from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_json
from idsharp.common.script import run
from idsharp.datasets.base import receipt
from idsharp.datasets.errors import MissingDataError
from idsharp.study.availability import instructions, look_over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="name of the dataset")
    parser.add_argument("--settings", type=json.loads, required=True, help="its settings, JSON")
    parser.add_argument("--data-dir", default="data", help="folder for downloads")
    parser.add_argument("--receipt", required=True, help="receipt to write, .json")
    args = parser.parse_args()
    found = look_over(args.dataset, args.settings, args.data_dir)
    if found.state == "missing":
        raise MissingDataError(instructions(found))
    dataset = found.dataset
    record = receipt(dataset, dataset.locate())
    write_json(args.receipt, record)
    TO_STDERR.say(f"{args.dataset}: {record['n_files']} files, {record['bytes'] / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
