"""Train one network on one training set of a task."""

import argparse
from pathlib import Path

import torch

from idsharp.common.device import compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.provenance import provenance
from idsharp.common.records import atomic_path, write_json, write_rows
from idsharp.common.script import run
from idsharp.common.seeds import seed_for
from idsharp.models.build import build_model
from idsharp.models.checkpoints import save_checkpoint
from idsharp.tasks.subsets import TooFewImagesError, load_subset
from idsharp.training.loop import Engine, Recipe, train
from idsharp.training.record import HISTORY, write_gap
from idsharp.training.state import StateFile, stop_signals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="its samples, .csv")
    parser.add_argument("--model", required=True, help="name of the network")
    parser.add_argument("--n-train", type=int, required=True, help="training images")
    parser.add_argument("--seed", type=int, required=True, help="number of the replicate")
    parser.add_argument("--outputs", type=int, required=True, help="size of the head")
    parser.add_argument("--input-scale", type=float, required=True, help="factor on [0, 1]")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True, help="images")
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--weight-decay", type=float, required=True)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--deterministic", action="store_true", help="bit for bit on a GPU, too")
    parser.add_argument("--cuda-graphs", action="store_true", help="replay steps on a GPU")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1)
    parser.add_argument("--state-seconds", type=float, default=60, help="between kept states")
    parser.add_argument("--checkpoint", required=True, help="weights to write, .pt")
    parser.add_argument("--history", required=True, help="history to write, .csv")
    parser.add_argument("--record", required=True, help="record to write, .json")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    recipe = Recipe(args.epochs, args.batch_size, args.learning_rate, args.weight_decay)
    names = {"task": args.task, "model": args.model, "n_train": args.n_train, "seed": args.seed}
    try:
        train_set = load_subset(args.images, args.samples, f"n{args.n_train}")
    except TooFewImagesError as error:
        write_gap(args.record, args.checkpoint, names, str(error))
        print(f"not trained: {error}")
        return
    test_set = load_subset(args.images, args.samples, "test")
    weights = seed_for("weights", args.task, args.model, args.seed)
    channels, image_size = train_set.images.shape[1:3]
    # The same weights at the start for every N, so that N alone differs.
    model = build_model(args.model, channels, args.outputs, weights, args.input_scale, image_size)
    engine = Engine(args.precision, args.deterministic, args.cuda_graphs)
    with compute_device(args.jobs_per_gpu) as device, stop_signals() as stopped:
        path = Path(args.checkpoint).with_suffix(".state")
        state_file = StateFile(path, stopped, args.state_seconds)
        seed = seed_for("training", args.task, args.model, args.n_train, args.seed)
        record, history = train(
            model, train_set, test_set, recipe, seed, device, TO_STDERR, engine, state_file
        )
        settings = vars(recipe) | {"outputs": args.outputs, "input_scale": args.input_scale}
        # Before the next job takes the GPU, whose memory this one holds until it ends.
        with atomic_path(args.checkpoint) as temporary:
            save_checkpoint(model.cpu(), temporary)
        write_rows(args.history, history, list(HISTORY))
        write_json(args.record, names | record | settings | provenance("torch", "torchvision"))
        state_file.remove()


if __name__ == "__main__":
    run(main)
