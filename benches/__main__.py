"""`scripts/bench`: run the scenarios, print the tables, keep the document and the chart."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benches.chart import bars
from benches.measure import Bench
from benches.peers import found
from benches.report import Figures, add_ratios, table, write_json
from benches.scenarios import SCENARIOS


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure trafficcop beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round, smaller numbers: to see that all works")
    parser.add_argument("--only", action="append", metavar="NAME", choices=list(SCENARIOS), help=", ".join(SCENARIOS))
    parser.add_argument("--peer", action="append", metavar="NAME", help="only these peers (as often as you like)")
    parser.add_argument("--rounds", type=int, help="how often each peer has its turn (3)")
    parser.add_argument("--seconds", type=float, help="how long each load lasts (5)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="where results are kept")
    return parser


def main() -> int:
    options = _options().parse_args()
    peers = [peer for peer in found() if not options.peer or peer.name in options.peer]
    if not peers:
        sys.stderr.write(f"no such peer; there are: {', '.join(peer.name for peer in found())}\n")
        return 1
    bench = Bench(
        peers,
        rounds=options.rounds or (1 if options.quick else 3),
        seconds=options.seconds or (2.0 if options.quick else 5.0),
        is_quick=options.quick,
    )
    results: dict[str, Figures] = {}
    with bench.serving():
        for name, scenario in SCENARIOS.items():
            if options.only and name not in options.only:
                continue
            sys.stderr.write(f"{name}\n")
            figures = scenario(bench)
            if not figures:
                sys.stdout.write(f"\n### {name}: no peer here takes part\n")
                continue
            results[name] = add_ratios(figures, results.get("host"))
            note = " (quick: a tenth of the routers, 300 reloads)" if bench.is_quick else ""
            sys.stdout.write(f"\n### {name}: {(scenario.__doc__ or '').strip()}{note}\n\n{table(results[name])}\n")
            sys.stdout.flush()
    _keep(options.output, results, {"rounds": bench.rounds, "seconds": bench.seconds, "quick": bench.is_quick})
    return 0


def _keep(directory: Path, results: dict[str, Figures], setup: dict[str, object]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "results.json", results, setup)
    cpu = {name: row["cpu_us"] for name, row in results.get("host", {}).items() if "cpu_us" in row}
    if cpu:
        title = "CPU per HTTP/1.1 request, one Host rule (less is better)"
        (directory / "chart.svg").write_text(bars(title, "µs", cpu))


if __name__ == "__main__":
    sys.exit(main())
