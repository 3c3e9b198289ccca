"""Measure the dimension of what the networks of one task and model learned, layer by layer."""

import argparse

import torch

from idsharp.common.device import choose_algorithms, compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_rows
from idsharp.common.script import run
from idsharp.models.checkpoints import trained_models
from idsharp.properties.estimators import ESTIMATORS, ONE_OF_EACH_FAMILY
from idsharp.representations.layers import CHOICES, PENULTIMATE
from idsharp.representations.record import representation_records
from idsharp.tasks.subsets import load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="its samples, .csv")
    parser.add_argument("--runs", nargs="+", required=True, help="training records, .json")
    parser.add_argument("--k", type=int, required=True, help="neighbours of the MLE")
    parser.add_argument("--layers", choices=CHOICES, default="penultimate", help="where to measure")
    parser.add_argument("--deterministic", action="store_true", help="bit for bit on a GPU, too")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1)
    parser.add_argument("--table", required=True, help="table to write, .csv")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    pool = load_subset(args.images, args.samples, "pool").images
    rows = []
    with compute_device(args.jobs_per_gpu) as device:
        choose_algorithms(device, args.deterministic)
        for names, model in trained_models(args.runs, pool.shape[1]):
            if model is None:
                rows.append(names | {"layer": PENULTIMATE})
                continue
            images = pool[: names["n_train"]]
            for record in representation_records(
                model, names["model"], images, args.k, device, args.layers, TO_STDERR
            ):
                rows.append(names | record)
                dimensions = (f"{ESTIMATORS[n].short} {record[n]}" for n in ONE_OF_EACH_FAMILY)
                TO_STDERR.say(
                    f"{names['model']} n {names['n_train']} seed {names['seed']}, "
                    f"{record['layer']}: {', '.join(dimensions)}"
                )
    write_rows(args.table, rows)


if __name__ == "__main__":
    run(main)
