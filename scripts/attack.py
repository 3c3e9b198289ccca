"""Attack the networks of one task and model, by every attack at every ε."""

import argparse

import torch

from idsharp.attacks.evaluate import attack_network, examples
from idsharp.attacks.files import write_examples, write_per_image
from idsharp.attacks.plan import ATTACKS, AttackPlan, attack_records
from idsharp.common.device import choose_algorithms, compute_device
from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_rows
from idsharp.common.script import run
from idsharp.models.checkpoints import trained_models
from idsharp.models.determinism import replace_pooling
from idsharp.tasks.subsets import load_subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="name of the task")
    parser.add_argument("model", help="name of the network")
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="its samples, .csv")
    parser.add_argument("--runs", nargs="+", required=True, help="training records, .json")
    parser.add_argument("--attacks", nargs="+", required=True, choices=ATTACKS)
    parser.add_argument("--epsilons", type=int, nargs="+", required=True, help="in 1/255")
    parser.add_argument("--pgd-steps", type=int, required=True)
    parser.add_argument("--pgd-step-size", type=float, required=True, help="in units of ε/steps")
    parser.add_argument("--pgd-restarts", type=int, required=True)
    parser.add_argument("--deterministic", action="store_true", help="bit for bit on a GPU, too")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1)
    parser.add_argument("--table", required=True, help="table to write, .csv")
    parser.add_argument("--per-image", required=True, help="outcome of every image, .npz")
    parser.add_argument("--examples", required=True, help="images to look at, .npz")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    test_set = load_subset(args.images, args.samples, "test")
    pgd = (args.pgd_steps, args.pgd_step_size, args.pgd_restarts)
    plan = AttackPlan(tuple(args.attacks), tuple(args.epsilons), *pgd)
    rows, runs, shown = [], [], None
    with compute_device(args.jobs_per_gpu) as device:
        choose_algorithms(device, args.deterministic)
        for names, model in trained_models(args.runs, test_set.images.shape[1]):
            if model is None:
                rows += [names | {"attack": a, "epsilon_255": e} for a, e in plan.conditions]
                continue
            if args.deterministic and device.type == "cuda":
                replace_pooling(model)
            title = f"{names['model']} n {names['n_train']} seed {names['seed']}"
            outcomes = attack_network(model, test_set, plan, args.task, device, TO_STDERR)
            records = attack_records(outcomes, plan)
            rows += [names | record for record in records]
            runs.append((names, outcomes))
            for r in records:
                TO_STDERR.say(
                    f"{title}: {r['attack']} ε {r['epsilon_255']}/255, loss penalty "
                    f"{r['loss_penalty']:.4f}, accuracy {r['clean_accuracy']:.3f} → "
                    f"{r['attacked_accuracy']:.3f}"
                )
            # The example is of the largest training set, and of its first replicate.
            if shown is None or names["n_train"] > shown[0]["n_train"]:
                shown = names, model, outcomes
        found = examples(*shown, test_set, plan, device) if shown else []
    write_examples(args.examples, found)
    write_per_image(args.per_image, {"task": args.task, "model": args.model}, test_set, runs, plan)
    write_rows(args.table, rows)


if __name__ == "__main__":
    run(main)
