"""Made-up PyTorch state dicts: names as the modules' constructors give them, written down apart from the converters."""

import numpy as np

# The children of a torchvision ResNet in the order of their making.
CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")

Tensors = dict[str, np.ndarray]


class Made:
    """Random float32 tensors, each drawn when it is asked for."""

    def __init__(self, seed: int = 0):
        self._rng = np.random.default_rng(seed)

    def tensor(self, *shape: int) -> np.ndarray:
        return self._rng.standard_normal(shape, np.float32)

    def batch_norm(self, name: str, channels: int) -> Tensors:
        named = {f"{name}.{leaf}": self.tensor(channels) for leaf in ("weight", "bias", "running_mean")}
        named[f"{name}.running_var"] = 1 + np.abs(self.tensor(channels))
        return named | {f"{name}.num_batches_tracked": np.array(12, np.int64)}

    def resnet(self, width: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2), channels: int = 3, classes: int = 10):
        """A ResNet of basic blocks as torchvision's and timm's resnet18 name it."""
        out = {"conv1.weight": self.tensor(width, channels, 7, 7)} | self.batch_norm("bn1", width)
        inputs = width
        for stage, count in enumerate(blocks, start=1):
            outputs = width * 2 ** (stage - 1)
            for i in range(count):
                block = f"layer{stage}.{i}"
                out[f"{block}.conv1.weight"] = self.tensor(outputs, inputs, 3, 3)
                out |= self.batch_norm(f"{block}.bn1", outputs)
                out[f"{block}.conv2.weight"] = self.tensor(outputs, outputs, 3, 3)
                out |= self.batch_norm(f"{block}.bn2", outputs)
                if stage > 1 and i == 0:
                    out[f"{block}.downsample.0.weight"] = self.tensor(outputs, inputs, 1, 1)
                    out |= self.batch_norm(f"{block}.downsample.1", outputs)
                inputs = outputs
        return out | {"fc.weight": self.tensor(classes, inputs), "fc.bias": self.tensor(classes)}

    def official_branch(self, width, blocks, hidden, convolutions: dict[str, int]) -> Tensors:
        """The state dict of one branch of the official model: its ResNet is registered three times.

        First `features_2d`, a sequence of the children without the last; then conv1 and fc are replaced, and the ResNet
        is registered as `model` and as `features_2d_gray`. A state dict holds a shared tensor under each of its names.
        """
        features = width * 2 ** (len(blocks) - 1)
        resnet = self.resnet(width, blocks, channels=1, classes=features)
        children = {**resnet, "conv1.weight": self.tensor(width, 3, 7, 7)}
        out = {}
        for name, tensor in children.items():
            child, _, leaf = name.partition(".")
            if child != "fc":
                out[f"features_2d.{CHILDREN.index(child)}.{leaf}"] = tensor
        out |= {f"{alias}.{name}": x for alias in ("model", "features_2d_gray") for name, x in resnet.items()}
        for end in ("", "_reverse"):
            out[f"lstm.weight_ih_l0{end}"] = self.tensor(4 * hidden, features)
            out[f"lstm.weight_hh_l0{end}"] = self.tensor(4 * hidden, hidden)
            out[f"lstm.bias_ih_l0{end}"] = self.tensor(4 * hidden)
            out[f"lstm.bias_hh_l0{end}"] = self.tensor(4 * hidden)
        out["to_qkv.weight"] = self.tensor(6 * hidden, 2 * hidden)
        out |= {f"norm.{leaf}": self.tensor(1, 2 * hidden, 1) for leaf in ("weight", "bias")}
        out |= {f"norm.{leaf}": self.tensor(2) for leaf in ("mean_weight", "var_weight")}
        for name, tokens in convolutions.items():
            out |= {f"{name}.weight": self.tensor(1, tokens, 3), f"{name}.bias": self.tensor(1)}
        return out

    def official(self, width=64, blocks=(2, 2, 2, 2), hidden=64, projection=128) -> Tensors:
        """The state dicts of both branches and of the loss, with their names in front."""
        size = 2 * hidden
        parts = {
            "inter": self.official_branch(width, blocks, hidden, {"pwconv_cues": 4}),
            "intra": self.official_branch(width, blocks, hidden, {"pwconv_video": 3, "pwconv_second": 4}),
            "loss": {
                "fc1.weight": self.tensor(projection, size),
                "fc1.bias": self.tensor(projection),
                "fc2.weight": self.tensor(size, projection),
                "fc2.bias": self.tensor(size),
            },
        }
        return {f"{part}.{name}": x for part, tensors in parts.items() for name, x in tensors.items()}


def without_counters(tensors: Tensors) -> Tensors:
    """All but num_batches_tracked, of which no array of ours is made."""
    return {name: x for name, x in tensors.items() if not name.endswith("num_batches_tracked")}
