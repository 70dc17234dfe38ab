"""Measures engines in turn, and compares the medians."""

import statistics

from quiet import read_undisturbed, say

LESS_IS_BETTER = ("ms", "MB")


def measure(engines, cases, threads, repetitions):
    """({(test, threads, depth, batch, tokens): {engine: its lines}}, {threads: machine's limits}).
    Each sample is a process of its own, and of each case the engines come in turn: they meet the
    same machine."""
    samples, limits = {}, {}
    for repetition in range(repetitions):
        for count in threads:
            say(f"Repetition {repetition + 1} of {repetitions}, threads: {count}")
            for case in cases:
                for engine in engines:
                    for command in engine.commands(case, count):
                        for line in read_undisturbed(command):
                            key = tuple(line[part] for part in
                                        ("test", "threads", "depth", "batch", "tokens"))
                            of_test = samples.setdefault(key, {})
                            of_test.setdefault(engine, []).append(line)
            lines = read_undisturbed(engines[0].limit_command(count))
            limit = next(line for line in lines if "machine" in line)
            best = limits.setdefault(count, limit)
            if limit["gb_per_second"] > best["gb_per_second"]:
                limits[count] = limit
    return samples, limits


def summarize(samples):
    """One figure, the median, for each engine, test and number of threads."""
    figures = []
    for of_test in samples.values():
        for engine, lines in of_test.items():
            values = [line["median"] for line in lines]
            figures.append({**lines[0], "engine": engine.name, "family": engine.family,
                            "samples": values, "median": statistics.median(values)})
            if engine.family == "nyala":
                figures[-1]["artifact_bytes"] = engine.artifact_bytes
    return figures


def is_same_test(one, other):
    return all(one[part] == other[part] for part in
               ("test", "threads", "depth", "batch", "tokens"))


def compare(figures, limits):
    """nyala's figures beside each peer in the better of its modes; ratios above 1: nyala is
    better."""
    rows = []
    for figure in figures:
        if figure["family"] != "nyala":
            continue
        less_is_better = figure["unit"] in LESS_IS_BETTER
        row = {"compare": figure["test"],
               **{part: figure[part] for part in ("threads", "depth", "batch", "tokens", "unit",
                                                  "engine")},
               "nyala": figure["median"], "peers": {}}
        for other in figures:
            if other["family"] == "nyala" or not is_same_test(figure, other):
                continue
            ratio = figure["median"] / other["median"]
            peer = {"engine": other["engine"], "median": other["median"],
                    "ratio": 1 / ratio if less_is_better else ratio}
            best = row["peers"].setdefault(other["family"], peer)
            if peer["ratio"] < best["ratio"]:
                row["peers"][other["family"]] = peer
        if figure["test"] == "decode" and figure["batch"] == 1:
            limit = limits[figure["threads"]]
            row["share"] = figure["median"] * limit["bytes"] / (limit["gb_per_second"] * 1e9)
        if figure["test"] == "memory":
            row["share"] = figure["median"] * 1e6 / figure["artifact_bytes"]
        rows.append(row)
    return rows


def print_table(rows, limits, families):
    print(f"{'test':11} {'threads':>7} {'depth':>6} {'batch':>5} {'tokens':>6} {'engine':12} "
          f"{'unit':6} {'nyala':>9} {'share':>6}" +
          "".join(f"  {family:>10} {'ratio':>6}" for family in families))
    for row in rows:
        share = f"{100 * row['share']:5.0f}%" if "share" in row else ""
        line = (f"{row['compare']:11} {row['threads']:7} {row['depth']:6} {row['batch']:5} "
                f"{row['tokens']:6} {row['engine']:12} {row['unit']:6} {row['nyala']:9.1f} "
                f"{share:>6}")
        for family in families:
            peer = row["peers"].get(family)
            line += f"  {peer['median']:10.1f} {peer['ratio']:6.2f}" if peer else " " * 19
        print(line)
    print("share: of decode, of the rate at which this machine could read the weights; of memory, "
          "of the artifact's size. ratio: above 1, nyala is better")
    for threads, limit in limits.items():
        place = "fit" if limit["fits_cache"] else "do not fit"
        print(f"limit of decode, {threads} threads: {limit['gb_per_second']:.1f} GB/s, as measured "
              f"over {limit['bytes'] / 1e6:.1f} MB (the weights' size; they {place} the last-level "
              f"cache): {limit['gb_per_second'] * 1e9 / limit['bytes']:.0f} tok/s")
