"""Measure intrinsic dimension and label sharpness of a task's pool and training sets."""

import argparse

from idsharp.common.provenance import provenance
from idsharp.common.records import write_json
from idsharp.common.script import run
from idsharp.common.seeds import generator
from idsharp.properties.estimators import ESTIMATORS, ONE_OF_EACH_FAMILY
from idsharp.properties.record import properties_record, unmeasured_record
from idsharp.tasks.subsets import TooFewImagesError, load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="its samples, .csv")
    parser.add_argument("--k", type=int, required=True, help="neighbours of the MLE")
    parser.add_argument("--m", type=int, required=True, help="images to a draw for K_F")
    parser.add_argument("--draws", type=int, required=True, help="draws for K_F")
    parser.add_argument("--subsets", nargs="+", required=True, help="pool, n500, …")
    parser.add_argument("--records", nargs="+", required=True, help="a .json for each subset")
    args = parser.parse_args()
    for subset, path in zip(args.subsets, args.records, strict=True):
        rng = generator("sharpness", args.task, subset)
        try:
            part = load_subset(args.images, args.samples, subset)
        except TooFewImagesError as error:
            # Sizes that a dataset cannot give are gaps in the tables; the study goes on.
            measured = unmeasured_record(args.k, str(error))
        else:
            measured = properties_record(part.images, part.labels, args.k, args.m, args.draws, rng)
        for end in ("first", "second"):
            position = measured.pop(f"sharpest_{end}", None)
            measured[f"sharpest_{end}_id"] = None if position is None else part.ids[position]
        record = {"task": args.task, "subset": subset} | measured
        write_json(path, record | provenance("numpy", "torch"))
        print(
            f"{args.task} {subset}: n {_shown(record['n_images'])}, "
            f"ID {_dimensions(record)}, "
            f"K_F {_shown(record['label_sharpness'])} at M = {record['label_sharpness_m']}",
            flush=True,
        )


def _dimensions(record: dict) -> str:
    return ", ".join(f"{ESTIMATORS[n].short} {_shown(record[n])}" for n in ONE_OF_EACH_FAMILY)


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    run(main)
