"""Attack the networks of one task and model with every attack at every ε."""

import argparse

from idsharp.attacks.evaluate import attack_networks
from idsharp.attacks.example import write_examples
from idsharp.attacks.files import write_per_image
from idsharp.attacks.plan import ATTACKS, attack_plan, settings_of
from idsharp.common.device import compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_rows
from idsharp.common.script import add_compute_options, add_task_options, run
from idsharp.models.checkpoints import trained_models
from idsharp.tasks.subsets import load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    parser.add_argument("model", help="name of the network")
    add_task_options(parser)
    parser.add_argument("--runs", nargs="+", required=True, help="training records, .json")
    parser.add_argument("--attacks", nargs="+", required=True, choices=list(ATTACKS))
    parser.add_argument("--epsilons", type=int, nargs="+", required=True, help="in 1/255")
    for attack in ATTACKS.values():
        for key, setting in settings_of(attack).items():
            option = f"--{key.replace('_', '-')}"
            about = setting.metadata["help"]
            parser.add_argument(option, type=setting.type, default=setting.default, help=about)
    add_compute_options(parser)
    parser.add_argument("--table", required=True, help="table to write, .csv")
    parser.add_argument("--per-image", required=True, help="outcome of every image, .npz")
    parser.add_argument("--examples", required=True, help="images to look at, .npz")
    args = parser.parse_args()

    test_set = load_subset(args.images, args.samples, "test")
    plan = attack_plan(args.attacks, args.epsilons, vars(args))
    networks = trained_models(args.runs, test_set.images.shape[1])
    with compute_device(args.jobs_per_gpu, args.threads) as device:
        found = attack_networks(networks, test_set, plan, device, args.deterministic, TO_STDERR)
    names = {"task": args.task, "model": args.model}
    write_examples(args.examples, found.examples)
    write_per_image(args.per_image, names, test_set, found.runs, plan)
    write_rows(args.table, found.rows)


if __name__ == "__main__":
    run(main)
