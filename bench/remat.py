#!/usr/bin/env python3
"""Measures schedules of rematerialization beside heuristics, Checkmate's program and PyTorch's budget.

    bench/remat.py                                  # all networks, budgets of 80 to 30 %, minutes
    bench/remat.py --networks unet,gpt12 --budgets 50 --json figures.json
    bench/remat.py --largest-batch                  # under 16e9 bytes, at most one more forward pass
    bench/remat.py --sweep 20                       # budgets in steps: peaks, overheads, replays
    bench/remat.py --peers torch                    # PyTorch's budget of activations alone

Needs nyala-solve-graph (build/, or $NYALA_BUILD_DIR), a quiet machine, and for PyTorch a Python with the
packages of test/requirements-reference.txt as $NYALA_REFERENCE_PYTHON; without it that part is left
out, and says so. README.md beside this file says how it measures.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import build_folder, choice_list, number_list  # noqa: E402
from preparation import describe_machine  # noqa: E402
from quiet import read_lines, say  # noqa: E402
from remat_replay import check  # noqa: E402
from remat_shapes import COSTS, NETWORKS  # noqa: E402

SHOWN = ("vgg16", "vgg19", "unet", "segnet", "mobilenet", "resnet50", "gpt12", "gpt30", "gpt42")
IMAGES = ("vgg16", "vgg19", "mobilenet", "resnet50", "unet", "segnet")
PEERS = ("sqrt", "greedy", "checkmate", "checkmate-tight", "torch")
BATCH = 8
LARGEST_BYTES = 16_000_000_000
SEARCH_SECONDS = 20  # of each batch that is tried


class Solver:
    """nyala-solve-graph on graphs in a folder."""

    def __init__(self, folder, seconds):
        self.program = build_folder() / "bin" / "nyala-solve-graph"
        self.folder = folder
        self.seconds = seconds
        if not self.program.exists():
            sys.exit(f"remat.py: {self.program} is not there: build it, or set NYALA_BUILD_DIR")

    def write(self, name, graph):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(graph))
        return path

    def solve(self, path, budgets, method="optimal"):
        """Reports, each replayed, by budget; those without a schedule have what was said."""
        command = [self.program, path, "--method", method, "--time-limit", str(self.seconds),
                   "--budget", ",".join(map(str, budgets))]
        try:  # a relaxation of Checkmate's program may take longer than any limit that CBC obeys
            result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                    check=False, timeout=(2 * self.seconds + 10) * len(budgets))
        except subprocess.TimeoutExpired:
            return {budget: {"error": f"none in {2 * self.seconds + 10} s"} for budget in budgets}
        reports = {budget: {"error": "none"} for budget in budgets}
        for line in result.stderr.splitlines():
            if said := re.search(r"error: (.* budget of (\d+) bytes.*)", line):
                reports[int(said[2])] = {"error": said[1]}
        for line in result.stdout.splitlines():
            report = json.loads(line)
            reports[report["budget"]] = report
            if wrong := check(report):
                sys.exit(f"remat.py: {path.stem}, {method}, {report['budget']} bytes: "
                         f"{'; '.join(wrong)}")
        if not result.stdout and len(budgets) == 1:
            reports[budgets[0]]["error"] = result.stderr.strip()
        return reports


def plain_peak(solver, path):
    return next(iter(solver.solve(path, [1 << 62], "none").values()))["plain_peak"]


def let_everything_run_again(graph):
    """As in Checkmate's publication: gradients too."""
    nodes = [{**node, "recomputable": True} for node in graph["nodes"]]
    return {**graph, "nodes": nodes, "first_backward": len(nodes)}


def short(report):
    """Of a report what figures need."""
    return {key: value for key, value in report.items() if key not in ("graph", "schedule")}


def explain(error):
    """Why a budget has no schedule."""
    if "alone needs" in error:
        return "below floor"
    if "at most once" in error:
        return "infeasible"  # in that class of schedules, which was proved
    return "none found"


def show(report):
    return f"{report['overhead']:.3f}" if "overhead" in report else explain(report["error"])


def compare(solver, arguments, out):
    columns = [peer for peer in arguments.peers if peer != "torch"]
    print(f"{'network':10} {'n':>4} {'budget':>6} {'overhead':>9} {'bound':>8} {'certified':>9} "
          f"{'s':>6} " + " ".join(f"{peer:>15}" for peer in columns))
    for network in arguments.networks:
        graph = COSTS[arguments.costs](NETWORKS[network](arguments.batch))
        path = solver.write(network, graph)
        free = solver.write(network + "-free", let_everything_run_again(graph))
        state, peak = graph["fixed_bytes"], plain_peak(solver, path)
        for percent in arguments.budgets:
            budget = state + int(percent / 100 * (peak - state))
            ours = solver.solve(path, [budget])[budget]
            cells = []
            for peer in columns:
                if peer.startswith("checkmate") and len(graph["nodes"]) > arguments.checkmate_nodes:
                    cells.append("left out")
                    continue
                theirs = solver.solve(free if peer.startswith("checkmate") else path, [budget], peer)
                report = theirs[budget]
                cells.append(show(report) + (f" ({report['seconds']:.1f} s)"
                                             if peer.startswith("checkmate") and "seconds" in report
                                             else ""))
                out({"network": network, "percent": percent, "method_asked": peer, **short(report)})
            row = (f"{show(ours):>9} {ours['bound']:8.3f} {str(ours['certified']):>9} "
                   f"{ours['seconds']:6.2f}" if "overhead" in ours else f"{show(ours):<36}")
            print(f"{network:10} {len(graph['nodes']):4} {percent:5} % {row} "
                  + " ".join(f"{cell:>15}" for cell in cells), flush=True)
            out({"network": network, "percent": percent, "method_asked": "optimal", **short(ours)})


def find_largest_batch(solver, network, out):
    """Tensors and FLOPs grow with the batch, so a batch is what is left of the memory for an image."""
    graph = NETWORKS[network](1)
    room = LARGEST_BYTES - graph["fixed_bytes"]
    forward = sum(node["cost"] for node in graph["nodes"][:graph["first_backward"]])
    path = solver.write(network, {**graph, "fixed_bytes": 0})
    quick = Solver(solver.folder, min(solver.seconds, SEARCH_SECONDS))

    def fits(batch, method):
        report = next(iter(quick.solve(path, [room // batch], method).values()))
        return "cost" in report and report["cost"] <= report["plain_cost"] + forward * (1 + 1e-9)

    # What the op that needs most leaves no room for needs no search.
    floor = int(re.search(r"needs (?:most, )?(\d+) bytes",
                          next(iter(solver.solve(path, [1], "none").values()))["error"])[1])
    found = {"keep everything": room // plain_peak(solver, path)}
    for method in ("sqrt", "greedy", "optimal"):
        # What a lesser method reaches need not be tried again, and the most there may be comes first.
        low = max(found.values()) if method == "optimal" else found["keep everything"]
        high = middle = room // floor
        while low < high:
            low, high = (middle, high) if fits(middle, method) else (low, middle - 1)
            middle = (low + high + 1) // 2
        found[method] = low
    full = solver.write(f"{network}-largest", NETWORKS[network](found["optimal"]))
    report = solver.solve(full, [LARGEST_BYTES])[LARGEST_BYTES]
    factor = found["optimal"] / found["keep everything"]
    allowed = 100 * forward * found["optimal"] / report["plain_cost"]
    print(f"{network:10} " + " ".join(f"{found[key]:>15}" for key in found)
          + f" {room // floor:5} {factor:6.2f} {report['overhead']:8.2f} {allowed:7.2f} "
          f"{report['bound']:6.2f} {str(report['certified']):>9} {report['seconds']:6.2f}",
          flush=True)
    out({"network": network, "largest_batch": found, "floor_batch": room // floor,
         "factor": factor, "forward": allowed, **short(report)})


def sweep(solver, arguments, out):
    """Overhead must not rise with the budget, and peaks stay within."""
    for network in arguments.networks:
        path = solver.write(network, COSTS[arguments.costs](NETWORKS[network](arguments.batch)))
        none = next(iter(solver.solve(path, [1 << 62], "none").values()))
        state, peak = none["state_bytes"], none["plain_peak"]
        steps = range(1, arguments.sweep + 1)
        budgets = [state + (peak - state) * step // arguments.sweep for step in steps]
        reports = solver.solve(path, budgets)
        solved = [reports[budget] for budget in budgets if "overhead" in reports[budget]]
        overheads = [report["overhead"] for report in solved]
        rises = sum(later > earlier + 1e-9 for earlier, later in zip(overheads, overheads[1:]))
        reasons = [explain(report["error"]) for report in reports.values() if "error" in report]
        figures = {"network": network, "budgets": len(budgets), "with_schedule": len(solved),
                   "replayed": len(solved),  # a schedule that does not replay ends the run
                   "above_budget": sum(report["peak"] > report["budget"] for report in solved),
                   "overhead_rises": rises,
                   "certified": sum(report["certified"] for report in solved),
                   **{reason.replace(" ", "_"): reasons.count(reason)
                      for reason in ("below floor", "infeasible", "none found")},
                   "seconds": max((report["seconds"] for report in solved), default=0)}
        print("  ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
                        for key, value in figures.items()), flush=True)
        out(figures)


def measure_torch(arguments, out):
    python = os.environ.get("NYALA_REFERENCE_PYTHON")
    if not python:
        say("PyTorch's budget is left out: set NYALA_REFERENCE_PYTHON to a Python with the packages "
            "of test/requirements-reference.txt")
        return
    # What is freed goes back at once, so that resident memory is what is in use.
    os.environ.update(MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")
    print(f"{'PyTorch':10} {'budget':>6} {'peak, MB':>9} {'of plain':>8} {'ms':>8}")
    plain = None
    for percent in (100, *sorted(arguments.budgets, reverse=True), 10, 5):
        line = read_lines([python, HERE / "peers" / "torch_budget_worker.py", percent / 100])[0][0]
        plain = plain or line["peak_bytes"]
        print(f"{'gpt12':10} {percent:4} % {line['peak_bytes'] / 1e6:9.1f} "
              f"{line['peak_bytes'] / plain:8.2f} {line['ms']:8.1f}", flush=True)
        out({"network": "gpt12", "percent": percent, "method_asked": "torch", **line})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=choice_list(tuple(NETWORKS)), default=",".join(SHOWN),
                        help="some of them (default: %(default)s)")
    parser.add_argument("--budgets", type=number_list, default="30,40,50,60,80",
                        help="percentages of what recomputation can change (default: %(default)s)")
    parser.add_argument("--peers", type=choice_list(PEERS), default=",".join(PEERS),
                        help="what stands beside it (default: %(default)s)")
    parser.add_argument("--costs", choices=COSTS, default="flops", help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=BATCH, help="(default: %(default)s)")
    parser.add_argument("--time-limit", type=int, default=60,
                        help="seconds of each solver (default: %(default)s)")
    parser.add_argument("--checkmate-nodes", type=int, default=77,
                        help="most nodes of graphs for Checkmate's program (default: %(default)s)")
    parser.add_argument("--largest-batch", action="store_true",
                        help="instead: the largest batch of networks on images, of 224 x 224 pixels "
                             "(unet, segnet: 416 x 608)")
    parser.add_argument("--sweep", type=int, default=0, metavar="N", help="instead: N budgets each")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE",
                        help="also write the figures there, a line each")
    return parser.parse_args()


def main():
    arguments = parse_arguments()

    def out(figures):
        if arguments.json:
            arguments.json.write(json.dumps(figures) + "\n")
            arguments.json.flush()

    print(f"{describe_machine()}; CBC with 1 thread")
    with tempfile.TemporaryDirectory() as name:
        solver = Solver(Path(name), arguments.time_limit)
        if arguments.largest_batch:
            print(f"{'network':10} {'keep everything':>15} {'sqrt':>15} {'greedy':>15} "
                  f"{'optimal':>15} floor factor overhead forward  bound certified      s")
            for network in IMAGES:
                if network in arguments.networks:
                    find_largest_batch(solver, network, out)
            return
        if arguments.sweep:
            sweep(solver, arguments, out)
            return
        if arguments.peers != ["torch"]:
            compare(solver, arguments, out)
    if "torch" in arguments.peers:
        measure_torch(arguments, out)


if __name__ == "__main__":
    main()
