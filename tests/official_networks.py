"""The official networks, under their published names, in plain torch.

Written after lib/models of DarkPose and HRNet; ``pose_resnet`` is the same in
SimpleBaseline. Nothing of mm* or of the package is used.
"""
import torch
from torch import nn


def conv(cin, cout, size, stride=1, bias=False):
    return nn.Conv2d(cin, cout, size, stride, size // 2, bias=bias)


def conv_bn(cin, cout, size, stride=1, relu=False):
    layers = [conv(cin, cout, size, stride), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, *[nn.ReLU()] * relu)


class Block(nn.Module):
    """A basic block, or a bottleneck; ``caffe`` has the stride first."""

    def __init__(self, cin, width, stride=1, bottleneck=False, caffe=False):
        super().__init__()
        cout = 4 * width if bottleneck else width
        plan = [(cin, width, 1), (width, width, 3), (width, cout, 1)]
        if not bottleneck:
            plan = [(cin, width, 3), (width, width, 3)]
        strided = 1 if bottleneck and not caffe else 0
        self.depth = len(plan)
        for i, (a, b, size) in enumerate(plan):
            here = stride if i == strided else 1
            self.add_module(f'conv{i + 1}', conv(a, b, size, here))
            self.add_module(f'bn{i + 1}', nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = conv_bn(cin, cout, 1, stride)

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(y))
            if i < self.depth:
                y = y.relu()
        return (y + (self.downsample(x) if self.downsample else x)).relu()


def stage(cin, width, blocks, stride=1, bottleneck=False, caffe=False):
    cout = 4 * width if bottleneck else width
    return nn.Sequential(
        Block(cin, width, stride, bottleneck, caffe),
        *[Block(cout, width, 1, bottleneck) for _ in range(1, blocks)])


class PoseResNet(nn.Module):

    def __init__(self, blocks, bottleneck, num_keypoints=17, kernels=(4, 4, 4),
                 final_size=1, caffe=False, deconv_bias=False):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for i, number in enumerate(blocks):
            self.add_module(f'layer{i + 1}', stage(
                channels, 64 * 2**i, number, 2 if i else 1, bottleneck, caffe))
            channels = 64 * 2**i * (4 if bottleneck else 1)
        layers = []
        for size in kernels:
            layers += [
                nn.ConvTranspose2d(channels, 256, size, 2, (size - 1) // 2,
                                   size % 2, bias=deconv_bias),
                nn.BatchNorm2d(256), nn.ReLU()]
            channels = 256
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = conv(256, num_keypoints, final_size, bias=True)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.final_layer(self.deconv_layers(x))


class Exchange(nn.Module):
    """Branches of one resolution each, every one added to every other."""

    def __init__(self, channels, outputs, blocks=4):
        super().__init__()
        self.branches = nn.ModuleList(stage(c, c, blocks) for c in channels)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self.path(channels, j, i)
                          for j in range(len(channels)))
            for i in range(outputs))

    @staticmethod
    def path(channels, source, target):
        if source == target:
            return None
        cin, cout = channels[source], channels[target]
        if source > target:
            return nn.Sequential(
                *conv_bn(cin, cout, 1),
                nn.Upsample(scale_factor=2**(source - target)))
        steps = target - source
        return nn.Sequential(*[
            conv_bn(cin, cout if i == steps - 1 else cin, 3, 2, i < steps - 1)
            for i in range(steps)])

    def forward(self, xs):
        xs = [branch(x) for branch, x in zip(self.branches, xs)]
        return [
            sum(x if path is None else path(x) for path, x in zip(paths, xs)
                ).relu() for paths in self.fuse_layers]


class PoseHRNet(nn.Module):

    def __init__(self, width, num_keypoints=17, modules=(1, 4, 3), blocks=4):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 3, 2), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = conv(64, 64, 3, 2), nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 4, bottleneck=True)
        before = [256]
        for i, number in enumerate(modules):
            now = [width * 2**j for j in range(i + 2)]
            kept = [None if a == b else conv_bn(a, b, 3, relu=True)
                    for a, b in zip(before, now)]
            new = nn.Sequential(conv_bn(before[-1], now[-1], 3, 2, relu=True))
            self.add_module(f'transition{i + 1}',
                            nn.ModuleList([*kept, new]))
            last = i == len(modules) - 1
            self.add_module(f'stage{i + 2}', nn.Sequential(*[
                Exchange(now, 1 if last and j == number - 1 else len(now),
                         blocks) for j in range(number)]))
            before = now
        self.final_layer = conv(width, num_keypoints, 1, bias=True)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer1(self.bn2(self.conv2(x)).relu())
        xs = [x]
        for i in (1, 2, 3):
            transition = getattr(self, f'transition{i}')
            # All that is new grows from the lowest resolution.
            sources = [*xs, xs[-1]]
            xs = [x if step is None else step(x)
                  for step, x in zip(transition, sources)]
            xs = getattr(self, f'stage{i + 1}')(xs)
        return self.final_layer(xs[0])


class _PreBlock(nn.Module):

    def __init__(self, cin, width):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = conv(cin, width, 1, 1, True)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, 1, True)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, 2 * width, 1, 1, True)
        if cin != 2 * width:
            self.downsample = nn.Sequential(conv(cin, 2 * width, 1, 1, True))


class _OneHourglass(nn.Module):

    def __init__(self, width, depth):
        super().__init__()
        self.hg = nn.ModuleList(
            nn.ModuleList(nn.Sequential(_PreBlock(2 * width, width))
                          for _ in range(3 if i else 4))
            for i in range(depth))


class Hourglass(nn.Module):
    """DarkPose's Hourglass: its layers only, there is nothing to compare."""

    def __init__(self, stacks, features=256, num_keypoints=17):
        super().__init__()
        f, k = features, num_keypoints
        self.conv1 = conv(3, f // 4, 7, 2, True)
        self.bn1 = nn.BatchNorm2d(f // 4)
        self.layer1 = nn.Sequential(_PreBlock(f // 4, f // 4))
        self.layer2 = nn.Sequential(_PreBlock(f // 2, f // 2))
        self.layer3 = nn.Sequential(_PreBlock(f, f // 2))
        self.hg = nn.ModuleList(
            _OneHourglass(f // 2, 4) for _ in range(stacks))
        self.res = nn.ModuleList(
            nn.Sequential(_PreBlock(f, f // 2)) for _ in range(stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(conv(f, f, 1, 1, True), nn.BatchNorm2d(f))
            for _ in range(stacks))
        self.score = nn.ModuleList(
            conv(f, k, 1, 1, True) for _ in range(stacks))
        self.fc_ = nn.ModuleList(
            conv(f, f, 1, 1, True) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(
            conv(k, f, 1, 1, True) for _ in range(stacks - 1))


def randomised(network, seed=0):
    """In eval mode, every weight and statistic random, outputs about 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.weight, .5, 1.),
                                      (module.bias, -.2, .2),
                                      (module.running_mean, -.2, .2),
                                      (module.running_var, .5, 2.)):
                values.data.uniform_(low, high, generator=generator)
            module.num_batches_tracked.fill_(1000)
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            fan = module.weight[0].numel()
            module.weight.data.normal_(0, fan**-.5, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, .1, generator=generator)
    return network.eval()
