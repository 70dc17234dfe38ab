"""A training step of a small 12-layer transformer under PyTorch's budget of activations: one JSON line.

torch_budget_worker.py FRACTION. The partitioner of torch.compile decides what is kept; kernels are
PyTorch's own. The peak is the most resident memory of the step above that before it.
"""
import json
import re
import statistics
import sys
import time

import torch
import torch._functorch.config

LAYERS, WIDTH, HEADS, ROWS = 12, 256, 8, (4, 512)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(WIDTH) for _ in range(2))
        self.qkv = torch.nn.Linear(WIDTH, 3 * WIDTH)
        self.projection = torch.nn.Linear(WIDTH, WIDTH)
        self.up = torch.nn.Linear(WIDTH, 4 * WIDTH)
        self.down = torch.nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, value):
        heads = self.qkv(self.norms[0](value)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        inner = torch.nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        value = value + self.projection(inner.transpose(1, 2).flatten(2))
        inner = torch.nn.functional.gelu(self.up(self.norms[1](value)))
        return value + self.down(inner)


def memory(what):
    with open("/proc/self/status", encoding="ascii") as file:
        return 1024 * int(re.search(what + r":\s+(\d+)", file.read())[1])


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch._functorch.config.activation_memory_budget = float(sys.argv[1])
    model = torch.nn.Sequential(*(Block() for _ in range(LAYERS)))
    step = torch.compile(lambda value: model(value).square().mean(),
                         backend="aot_eager_decomp_partition")
    value = torch.randn(*ROWS, WIDTH)
    peaks, times = [], []
    for _ in range(4):
        before = memory("VmRSS")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak begins anew
        begin = time.perf_counter()
        step(value).backward()
        times.append(time.perf_counter() - begin)
        peaks.append(memory("VmHWM") - before)
    print(json.dumps({"peak_bytes": peaks[-1], "ms": 1000 * statistics.median(times[1:])}))


main()
