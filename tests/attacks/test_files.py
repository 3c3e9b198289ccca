"""The file of every image's outcome."""

import numpy as np
import pytest

from idsharp.attacks.files import write_per_image
from idsharp.attacks.outcomes import attack_records
from tests.attacks.conftest import BOTH, NAMES


def test_the_table_follows_from_the_per_image_file(tmp_path, held_out, outcomes):
    runs = [({"n_train": 100, "seed": seed}, outcomes) for seed in (0, 1)]
    write_per_image(tmp_path / "a.npz", NAMES, held_out, runs, BOTH)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    assert kept["image_id"].tolist() == held_out.ids
    assert (kept["n_train"].tolist(), kept["seed"].tolist()) == ([100, 100], [0, 1])
    assert kept["loss"].shape == kept["margin"].shape == kept["correct"].shape == (2, 5, 30)
    assert kept["attack"].tolist() == ["none", "fgsm", "fgsm", "pgd", "pgd"]
    assert (kept["task"], kept["model"], kept["pgd_restarts"]) == ("task", "waves", 2)
    about = str(kept["about"])
    assert all(name in about for name in kept)
    for row, record in enumerate(attack_records(outcomes, BOTH), start=1):
        assert (kept["attack"][row], kept["epsilon_255"][row]) == (
            record["attack"],
            record["epsilon_255"],
        )
        penalty = kept["loss"][0, row].mean() - kept["loss"][0, 0].mean()
        assert penalty == pytest.approx(record["loss_penalty"], rel=1e-5)
        assert kept["correct"][0, row].sum() == record["n_attacked_correct"]
    assert (tmp_path / "a.npz").stat().st_size < 20_000


def test_a_per_image_file_where_every_run_diverged(tmp_path, held_out):
    write_per_image(tmp_path / "a.npz", NAMES, held_out, [], BOTH)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["loss"].shape == (0, 5, 30)
        assert file["zero_gradient"].shape == (0, 30)
