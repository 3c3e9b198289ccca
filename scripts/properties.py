"""Measure intrinsic dimension and label sharpness of a task's pool and training sets."""

import argparse

from idsharp.common.progress import TO_STDERR
from idsharp.common.provenance import provenance
from idsharp.common.records import write_json
from idsharp.common.script import add_task_options, run
from idsharp.common.seeds import generator
from idsharp.properties.record import in_words, properties_record, unmeasured_record
from idsharp.tasks.subsets import TooFewImagesError, load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    add_task_options(parser)
    parser.add_argument("--k", type=int, required=True, help="neighbors of the MLE")
    parser.add_argument("--m", type=int, required=True, help="images per draw of K_F")
    parser.add_argument("--draws", type=int, required=True, help="draws of K_F")
    parser.add_argument("--subsets", nargs="+", required=True, help="pool, n500, …")
    parser.add_argument("--records", nargs="+", required=True, help="one .json per subset")
    args = parser.parse_args()
    for subset, path in zip(args.subsets, args.records, strict=True):
        rng = generator("sharpness", args.task, subset)
        try:
            part = load_subset(args.images, args.samples, subset)
        except TooFewImagesError as error:
            # Sizes for which a dataset has too few images become gaps in the tables.
            measured = unmeasured_record(args.k, str(error))
        else:
            measured = properties_record(
                part.images, part.labels, args.k, args.m, args.draws, rng, part.ids
            )
        record = {"task": args.task, "subset": subset} | measured
        write_json(path, record | provenance("numpy", "torch"))
        TO_STDERR.say(f"{args.task} {subset}: {in_words(record)}")


if __name__ == "__main__":
    run(main)
