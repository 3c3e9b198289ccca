"""Attack the networks of one task and model at every ε."""

import argparse

import torch

from idsharp.attacks import attack_records
from idsharp.checkpoints import trained_models
from idsharp.cli_tools import load_set, run
from idsharp.device import compute_device
from idsharp.records import write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="its samples, .csv")
    parser.add_argument("--runs", nargs="+", required=True, help="training records, .json")
    parser.add_argument("--epsilons", type=int, nargs="+", required=True, help="in 1/255")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1)
    parser.add_argument("--table", required=True, help="table to write, .csv")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    images, labels, _ = load_set(args.images, args.samples, "test")
    rows = []
    with compute_device(args.jobs_per_gpu) as device:
        for names, model in trained_models(args.runs, images.shape[1]):
            if model is None:
                rows += [names | {"epsilon_255": epsilon} for epsilon in args.epsilons]
                continue
            records = attack_records(model, (images, labels), args.epsilons, device)
            rows += [names | record for record in records]
            print(
                *(
                    f"{names['model']} n {names['n_train']} seed {names['seed']}: "
                    f"ε {r['epsilon_255']}/255, loss penalty {r['loss_penalty']:.4f}, accuracy "
                    f"{r['clean_accuracy']:.3f} → {r['attacked_accuracy']:.3f}"
                    for r in records
                ),
                sep="\n",
                flush=True,
            )
    write_rows(args.table, rows)


if __name__ == "__main__":
    run(main)
