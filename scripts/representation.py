"""Measure the intrinsic dimension of representations in the networks of one task and model."""

import argparse

from idsharp.common.device import choose_algorithms, compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_rows
from idsharp.common.script import add_compute_options, add_task_options, run
from idsharp.models.checkpoints import trained_models
from idsharp.representations.layers import CHOICES
from idsharp.representations.record import measured_networks
from idsharp.tasks.subsets import load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_task_options(parser)
    parser.add_argument("--runs", nargs="+", required=True, help="training records, .json")
    parser.add_argument("--k", type=int, required=True, help="neighbors of the MLE")
    parser.add_argument("--layers", choices=CHOICES, default="penultimate", help="where to measure")
    add_compute_options(parser)
    parser.add_argument("--table", required=True, help="table to write, .csv")
    args = parser.parse_args()

    pool = load_subset(args.images, args.samples, "pool").images
    networks = trained_models(args.runs, pool.shape[1])
    with compute_device(args.jobs_per_gpu, args.threads) as device:
        choose_algorithms(device, args.deterministic)
        rows = measured_networks(networks, pool, args.k, device, args.layers, TO_STDERR)
    write_rows(args.table, rows)


if __name__ == "__main__":
    run(main)
