#!/usr/bin/env python3
"""Checks reports of rematerialization by executing their schedules.

    bench/remat_replay.py report.json ...

Written from the definition, apart from the compiler: a schedule is a list of nodes. Each runs at least
once, first runs come in the order of the graph, and only recomputable nodes run again. A tensor takes
memory from the step that writes it to the last step that reads it before it is written again; results
of the step stay to its end. Says what is wrong and exits with 1 if the peak is above the budget or
a figure of the report is not what the replay found.
"""
import json
import sys


def replay(graph, schedule):
    """Peak in bytes and cost; raises ValueError where a step cannot run."""
    nodes, tensors = graph["nodes"], graph["tensors"]
    writers = [[] for _ in tensors]
    for index, node in enumerate(nodes):
        for tensor in node["outputs"]:
            writers[tensor].append(index)
    ran = [0] * len(nodes)
    last_use = {}  # of each life, by the tensor and the step that began it
    begun = [None] * len(tensors)
    for step, index in enumerate(schedule):
        if not 0 <= index < len(nodes):
            raise ValueError(f"step {step}: there is no node {index}")
        node = nodes[index]
        if ran[index] and not node.get("recomputable"):
            raise ValueError(f"step {step}: {node['op']} must not run again")
        if not ran[index] and not all(ran[:index]):
            raise ValueError(f"step {step}: {node['op']} runs before its turn")
        for tensor in node["inputs"]:
            if begun[tensor] is None:
                raise ValueError(f"step {step}: {node['op']} reads tensor {tensor}, never written")
            last_use[tensor, begun[tensor]] = step
        for tensor in node["outputs"]:
            if begun[tensor] is None or writers[tensor][0] == index:
                begun[tensor] = step
            last_use[tensor, begun[tensor]] = step
        ran[index] += 1
    if not all(ran):
        raise ValueError(f"{nodes[ran.index(0)]['op']} never runs")
    for tensor, step in enumerate(begun):
        if step is not None and tensors[tensor].get("kept"):
            last_use[tensor, step] = len(schedule) - 1
    live = [graph.get("fixed_bytes", 0) + nodes[index].get("workspace", 0) for index in schedule]
    for (tensor, first), last in last_use.items():
        for step in range(first, last + 1):
            live[step] += tensors[tensor]["bytes"]
    return max(live, default=0), sum(nodes[index]["cost"] for index in schedule)


def check(report):
    """What is wrong with a report."""
    graph = report["graph"]
    try:
        peak, cost = replay(graph, report["schedule"])
        plain_peak, plain = replay(graph, range(len(graph["nodes"])))
    except ValueError as error:
        return [str(error)]
    wrong = []
    overhead = 100 * (cost / plain - 1) if plain else 0
    if peak > report["budget"] or report["peak"] > report["budget"]:
        wrong.append(f"peak {peak}, of the arena {report['peak']}, budget {report['budget']}")
    if peak != report["live_peak"] or report["peak"] < peak:
        wrong.append(f"live peak {peak}, reported {report['live_peak']}, arena {report['peak']}")
    if plain_peak != report["plain_live_peak"] or report["plain_peak"] < plain_peak:
        wrong.append(f"live peak without recomputation {plain_peak}, reported "
                     f"{report['plain_live_peak']}, arena {report['plain_peak']}")
    if abs(overhead - report["overhead"]) > 1e-6:
        wrong.append(f"overhead {overhead} %, reported {report['overhead']} %")
    if report["certified"] and overhead - report["bound"] > 0.1 + 1e-9:
        wrong.append(f"certified with overhead {overhead} % and bound {report['bound']} %")
    return wrong


def main():
    failed = False
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            wrong = check(json.load(file))
        failed |= bool(wrong)
        print(f"{path}: {'; '.join(wrong) or 'replays'}")
    sys.exit(failed or len(sys.argv) < 2)


if __name__ == "__main__":
    main()
