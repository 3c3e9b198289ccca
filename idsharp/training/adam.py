"""Adam as torch computes it, without the compiler that `torch.optim.Adam` imports."""

import torch
from torch.optim.adam import adam


class Adam:
    """torch's own Adam step (`torch.optim.adam.adam`) with nothing around it.

    The numbers are those of `torch.optim.Adam`, which imports torch's compiler when it is created
    (`idsharp.models._torchvision` says what that costs). On a GPU the step counters live there,
    too, so that a step can be captured in a CUDA graph.
    """

    def __init__(
        self, parameters: list[torch.nn.Parameter], learning_rate: float, weight_decay: float
    ):
        self.parameters: list[torch.Tensor] = [*parameters]
        self.options: dict = {"lr": learning_rate, "weight_decay": weight_decay}
        self.averages = [torch.zeros_like(p) for p in parameters]
        self.square_averages = [torch.zeros_like(p) for p in parameters]
        self.steps = [torch.zeros((), device=p.device) for p in parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients and clear them."""
        gradients: list = [parameter.grad for parameter in self.parameters]
        adam(
            self.parameters,
            gradients,
            self.averages,
            self.square_averages,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            maximize=False,
            **self.options,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        """All that the next steps depend on, besides the parameters."""
        names = ("averages", "square_averages", "steps")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, list[torch.Tensor]]) -> None:
        """Continue from a `state_dict` of the same parameters."""
        for name, tensors in state.items():
            for ours, theirs in zip(getattr(self, name), tensors, strict=True):
                ours.copy_(theirs)
