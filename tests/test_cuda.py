"""What only a GPU can show."""

import pytest
import torch

from idsharp.models.build import build_model
from idsharp.training.loop import train
from idsharp.training.recipe import Engine, Recipe
from tests.training.conftest import training_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is there")


def trained(name, **options):
    """Record, history and weights of a short training; the last batch is not full."""
    model = build_model(name, 1, 2, seed=1, image_size=32)
    engine = Engine(**options)
    recipe = Recipe(4, 20, 1e-4)
    record, history = train(training_of(model, recipe, 130, 60, 3, "cuda:0", engine=engine))
    return record, [{k: v for k, v in r.items() if k != "seconds"} for r in history], model


@pytest.mark.parametrize("name", ["resnet18", "vgg13", "squeezenet1_1", "densenet121"])
def test_graphs_train_as_single_steps_do(name):
    direct, history, _ = trained(name, precision="float32", deterministic=True)
    replayed, rows, _ = trained(name, precision="float32", deterministic=True, cuda_graphs=True)
    assert replayed["cuda_graphs"]
    assert [row["train_loss"] for row in rows] == pytest.approx(
        [row["train_loss"] for row in history], rel=1e-3
    )
    assert replayed["test_loss"] == pytest.approx(direct["test_loss"], rel=1e-2)


@pytest.mark.parametrize("name", ["resnet18", "vgg13"])
def test_deterministic_is_so_to_the_last_bit(name):
    first, again = (trained(name, deterministic=True) for _ in range(2))
    assert first[1] == again[1]
    for a, b in zip(first[2].parameters(), again[2].parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_record_of_a_gpu():
    record, _, _ = trained("resnet18")
    assert record["device"] == torch.cuda.get_device_name(0)
    assert 10 < record["peak_memory_mb"] < 10_000
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    assert record["precision"] == ("bfloat16" if native else "float32")
