"""Networks: construction, sizes, weights."""

import pytest
import torch

from idsharp.models._torchvision import torchvision
from idsharp.models.build import build_model
from idsharp.models.names import MODELS, PAPERS, check_image_size


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_all_networks(name, channels):
    model = build_model(name, channels, 2, seed=0).eval()
    with torch.no_grad():
        assert model(torch.rand(2, channels, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize(
    "name, size",
    [
        ("alexnet", 63), ("googlenet", 32), ("mobilenet_v3_small", 32), ("shufflenet_v2_x0_5", 32),
        ("regnet_y_400mf", 32), ("efficientnet_b0", 32), ("convnext_tiny", 32), ("swin_t", 32),
        ("vit_b_32", 64),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_other_networks_by_their_name(name, size):
    model = build_model(name, 1, 3, seed=0, image_size=size).train()
    logits = model(torch.rand(2, 1, size, size))
    assert logits.shape == (2, 3)
    logits.sum().backward()


def test_the_list_of_networks_is_torchvisions():
    assert sorted(MODELS) == sorted(torchvision.models.list_models(module=torchvision.models))
    assert set(PAPERS) < set(MODELS)


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match=r"resnet19.*did you mean resnet18.*80 classification"):
        build_model("resnet19", 1, 2, seed=0)


@pytest.mark.parametrize(
    "name", ["vgg11", "squeezenet1_0", "squeezenet1_1", "densenet121", "googlenet", "alexnet"]
)
def test_the_smallest_image_is_the_smallest(name):
    least = next(size for size in range(100) if not refused(name, size))
    model = build_model(name, 1, 2, seed=0, image_size=least).train()
    assert model(torch.rand(2, 1, least, least)).shape == (2, 2)
    with pytest.raises(RuntimeError):
        model(torch.rand(2, 1, least - 1, least - 1))


def refused(name, size):
    try:
        check_image_size(name, size)
    except ValueError:
        return True
    return False


def test_images_that_a_network_cannot_take_are_refused():
    with pytest.raises(ValueError, match=r"vgg13 needs images of at least 32×32 pixels, not 28"):
        build_model("vgg13", 1, 2, seed=0, image_size=28)
    with pytest.raises(ValueError, match=r"multiple of 16 pixels, not 100: use 96"):
        build_model("vit_b_16", 1, 2, seed=0, image_size=100)
    with pytest.raises(ValueError, match=r"multiple of 224 pixels, not 64: use 224"):
        check_image_size("maxvit_t", 64)
    check_image_size("resnet18", 1)


def test_a_grey_network_responds_as_its_colour_form_does():
    """The first convolution keeps the spread of the network's own initialisation."""
    for name in ("squeezenet1_1", "densenet121", "vgg13"):
        spreads = []
        for channels in (1, 3):
            network = build_model(name, channels, 2, seed=0).network
            first = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
            fan = first.in_channels if name != "vgg13" else first.out_channels
            spreads.append(first.weight.std().item() * fan**0.5)
        assert spreads[0] == pytest.approx(spreads[1], rel=0.1), name


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = build_model("resnet18", 1, 2, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = build_model("resnet18", 1, 2, seed=5)
    assert (torch.get_rng_state() == state).all()
    other = build_model("resnet18", 1, 2, seed=6)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.network.conv1.weight, other.network.conv1.weight)


def test_inputs_are_scaled_to_the_papers_intensities():
    model = build_model("resnet18", 1, 2, seed=0).eval()
    image = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(model(image), model.network(image * 255))
