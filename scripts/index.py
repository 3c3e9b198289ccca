"""List the images of a dataset: id, where, label, patient, split."""

import argparse
import json

from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_csv
from idsharp.common.script import run
from idsharp.datasets import open_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="name of the dataset")
    parser.add_argument("--settings", type=json.loads, required=True, help="its settings, JSON")
    parser.add_argument("--data-dir", default="data", help="folder for downloads")
    parser.add_argument("--index", required=True, help="index to write, .csv")
    args = parser.parse_args()
    dataset = open_dataset(args.dataset, args.settings, args.data_dir)
    index = dataset.index()
    write_csv(args.index, index)
    if dataset.left_out.n_files:
        left_out = dataset.left_out
        TO_STDERR.note(f"{args.dataset}: {left_out.n_files} files are left out: {left_out}")
    counts = index["label"].value_counts().sort_index()
    listed = ", ".join(f"{label} {count}" for label, count in counts.head(12).items())
    TO_STDERR.say(f"{args.dataset}: {len(index)} images in {len(counts)} classes ({listed})")


if __name__ == "__main__":
    run(main)
