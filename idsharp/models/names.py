"""torchvision's classification models by name, and the image sizes they take.

Needs no torch, since the pipeline checks settings against these lists whenever the Snakefile is
parsed. Sizes were found by passing a batch through each network in training mode.
"""

import difflib

#: The nine networks of Konz et al. 2022; Konz & Mazurowski 2024 use the first six.
PAPERS = (
    "resnet18", "resnet34", "resnet50", "vgg13", "vgg16", "vgg19",
    "squeezenet1_1", "densenet121", "densenet169",
)  # fmt: skip

#: Every classification model of torchvision.
MODELS = (
    "alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny",
    "densenet121", "densenet161", "densenet169", "densenet201", "efficientnet_b0",
    "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
    "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l", "efficientnet_v2_m",
    "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mnasnet0_75",
    "mnasnet1_0", "mnasnet1_3", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small",
    "regnet_x_16gf", "regnet_x_1_6gf", "regnet_x_32gf", "regnet_x_3_2gf", "regnet_x_400mf",
    "regnet_x_800mf", "regnet_x_8gf", "regnet_y_128gf", "regnet_y_16gf", "regnet_y_1_6gf",
    "regnet_y_32gf", "regnet_y_3_2gf", "regnet_y_400mf", "regnet_y_800mf", "regnet_y_8gf",
    "resnet101", "resnet152", "resnet18", "resnet34", "resnet50", "resnext101_32x8d",
    "resnext101_64x4d", "resnext50_32x4d", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0", "squeezenet1_1", "swin_b",
    "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t", "vgg11", "vgg11_bn", "vgg13",
    "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "vit_b_16", "vit_b_32", "vit_h_14",
    "vit_l_16", "vit_l_32", "wide_resnet101_2", "wide_resnet50_2",
)  # fmt: skip

# Smallest image size in pixels, by the beginning of the name: below it, a pooling or a convolution
# has no input left. The others take any image.
_SMALLEST = {
    "alexnet": 63,
    "convnext": 32,
    "densenet": 29,
    "googlenet": 15,
    "inception_v3": 75,
    "squeezenet1_0": 21,
    "squeezenet1_1": 17,
    "swin": 4,
    "vgg": 32,
}
# These cut images into patches of fixed size, so that image sizes are multiples of it.
_MULTIPLE = {
    "maxvit_t": 224,
    "vit_b_16": 16,
    "vit_b_32": 32,
    "vit_h_14": 14,
    "vit_l_16": 16,
    "vit_l_32": 32,
}


# Families whose blocks have names (`idsharp.representations.layers`).
_BLOCKS = ("resnet", "resnext", "wide_resnet", "vgg", "squeezenet", "densenet")


def check_blocks(name: str) -> None:
    """Raise ValueError for a network whose blocks are not named here."""
    if not name.startswith(_BLOCKS):
        raise ValueError(
            f"the blocks of {name} have no names here, only those of {', '.join(_BLOCKS)}: set "
            "representation_layers to penultimate"
        )


def check_model(name: str) -> None:
    """Raise ValueError for a name that is not in MODELS, with the most similar one that is."""
    if name not in MODELS:
        near = difflib.get_close_matches(str(name), MODELS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"unknown model {name!r}{hint}; allowed are torchvision's {len(MODELS)} classification "
            f"models, such as {', '.join(PAPERS[:4])} (all: idsharp/models/names.py)"
        )


def check_image_size(name: str, size: int) -> None:
    """Raise ValueError where a network cannot take images of `size`×`size` pixels."""
    multiple = _MULTIPLE.get(name, 1)
    if size % multiple:
        raise ValueError(
            f"{name} takes images whose side is a multiple of {multiple} pixels, not {size}: "
            f"use {max(1, round(size / multiple)) * multiple}"
        )
    least = next((pixels for start, pixels in _SMALLEST.items() if name.startswith(start)), 1)
    if size < least:
        raise ValueError(f"{name} needs images of at least {least}×{least} pixels, not {size}")
