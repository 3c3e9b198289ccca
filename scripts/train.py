"""Train one network on one training set of a task."""

import argparse
from pathlib import Path

from idsharp.common.device import compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.script import add_compute_options, add_task_options, run
from idsharp.tasks.subsets import TooFewImagesError, load_subset
from idsharp.training.loop import train
from idsharp.training.recipe import PRECISIONS, Engine, Recipe
from idsharp.training.replicate import Replicate, RunFiles
from idsharp.training.state import StateFile, stop_signals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    add_task_options(parser)
    parser.add_argument("--model", required=True, help="name of the network")
    parser.add_argument("--n-train", type=int, required=True, help="training images")
    parser.add_argument("--seed", type=int, required=True, help="number of the replicate")
    parser.add_argument("--outputs", type=int, required=True, help="size of the head")
    parser.add_argument("--input-scale", type=float, required=True, help="factor on [0, 1]")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True, help="images")
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--weight-decay", type=float, required=True)
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    add_compute_options(parser)
    parser.add_argument("--cuda-graphs", action="store_true", help="replay steps on a GPU")
    parser.add_argument("--state-seconds", type=float, default=60, help="between saved states")
    parser.add_argument("--checkpoint", type=Path, required=True, help="weights to write, .pt")
    parser.add_argument("--history", type=Path, required=True, help="history to write, .csv")
    parser.add_argument("--record", type=Path, required=True, help="record to write, .json")
    args = parser.parse_args()

    recipe = Recipe(args.epochs, args.batch_size, args.learning_rate, args.weight_decay)
    names = args.task, args.model, args.n_train, args.seed
    replicate = Replicate(*names, args.outputs, args.input_scale, recipe)
    engine = Engine(args.precision, args.deterministic, args.cuda_graphs)
    files = RunFiles(args.record, args.history, args.checkpoint)
    try:
        train_set = load_subset(args.images, args.samples, f"n{args.n_train}")
    except TooFewImagesError as error:
        files.write_gap(replicate, str(error))
        TO_STDERR.note(f"not trained: {error}")
        return
    test_set = load_subset(args.images, args.samples, "test")
    with compute_device(args.jobs_per_gpu, args.threads) as device, stop_signals() as stopped:
        state_file = StateFile(files.state, stopped, args.state_seconds)
        training = replicate.training(train_set, test_set, device, engine)
        record, history = train(training, TO_STDERR, state_file)
        # Written while the device is still reserved, because this moves the network off it.
        files.write(replicate, training, record, history)
        state_file.remove()


if __name__ == "__main__":
    run(main)
