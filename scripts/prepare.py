"""Draw, decode and split the images of one task."""

import argparse
import json

from idsharp.common.progress import TO_STDERR
from idsharp.common.provenance import provenance
from idsharp.common.records import read_table, write_array, write_csv, write_json
from idsharp.common.script import run
from idsharp.datasets import open_dataset
from idsharp.tasks.prepare import Request, prepare_task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--settings", type=json.loads, required=True, help="its settings, JSON")
    parser.add_argument("--data-dir", default="data", help="folder for downloads")
    parser.add_argument("--index", required=True, help="index of the dataset, .csv")
    parser.add_argument("--classes", type=json.loads, required=True, help="JSON; null: every label")
    parser.add_argument("--label", default="label", help="column of labels in the index")
    parser.add_argument("--split", choices=["patient", "image", "official"], default="patient")
    parser.add_argument("--image-size", type=int, required=True, help="pixels")
    parser.add_argument("--channels", type=int, choices=[1, 3], required=True)
    parser.add_argument("--pool-size", type=int, required=True, help="number of images")
    parser.add_argument("--n-test", type=int, required=True, help="number of images")
    parser.add_argument("--unreadable-limit", type=float, default=0.01, help="fraction")
    parser.add_argument("--processes", type=int, default=1, help="processes that decode images")
    parser.add_argument("--images", required=True, help="images to write, .npy")
    parser.add_argument("--samples", required=True, help="samples to write, .csv")
    parser.add_argument("--audit", required=True, help="audit to write, .json")
    args = parser.parse_args()

    names = Request.__dataclass_fields__
    request = Request(**{name: value for name, value in vars(args).items() if name in names})
    index = read_table(args.index, dtype=str, keep_default_na=False)
    dataset = open_dataset(args.dataset, args.settings, args.data_dir)
    prepared = prepare_task(dataset, index, request, TO_STDERR, args.processes)
    write_array(args.images, prepared.images)
    write_csv(args.samples, prepared.samples)
    audit = {"dataset": args.dataset} | prepared.audit | provenance("numpy", "pillow")
    write_json(args.audit, audit)
    TO_STDERR.say(
        f"{args.task}: {audit['n_pool']} images, {audit['n_duplicates']} duplicates, "
        f"{audit['n_label_conflicts']} images with conflicting labels, "
        f"{audit['n_unreadable']} unreadable"
    )


if __name__ == "__main__":
    run(main)
