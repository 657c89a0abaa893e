#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the fuzz targets with clang and libFuzzer, and runs them one after the other.

    tools/fuzz.py --build build-fuzz [--target xmlrpc] [--seconds 1800] [--merge]

Each starts from its seeds (tests/fuzz/seeds) and from what earlier runs found in the build tree's corpus/. A finding is
written to the build tree's findings/ and said at the end. --merge adds the inputs of the corpus that reach new code to the
seeds, smallest first.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SEEDS = TOP / "tests/fuzz/seeds"
RSS_LIMIT_MB = 2048
INPUT_TIMEOUT_SECONDS = 60
INPUT_MAX_BYTES = 4096
MERGED_MAX_BYTES = 1024  # seeds are read by people, too
STATISTIC = re.compile(r"^stat::(\w+):\s*(\d+)", re.MULTILINE)
COVERAGE = re.compile(r"\bcov: (\d+)")
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LSAN_OPTIONS": f"suppressions={TOP / 'tests/lsan.supp'}:print_suppressions=0",
    "G_SLICE": "always-malloc",
}


def build_targets(build, targets):
    """Configures once, then builds what is asked for."""
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(build), str(TOP), "-Dfuzz=true", "-Db_sanitize=address,undefined",
                        "-Db_lundef=false"], env={**os.environ, "CC": "clang"}, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", str(build), *[f"tests/fuzz/fuzz_{name}" for name in targets]], check=True)


def run_target(build, name, seconds):
    """(exit status, what libFuzzer said)."""
    corpus, findings = build / "corpus" / name, build / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    command = [build / "tests/fuzz" / f"fuzz_{name}", f"-max_total_time={seconds}", f"-rss_limit_mb={RSS_LIMIT_MB}",
               f"-timeout={INPUT_TIMEOUT_SECONDS}", f"-max_len={INPUT_MAX_BYTES}", "-print_final_stats=1",
               "-detect_leaks=0",  # looked for at the end, when all threads are: what a thread at work holds is not always seen
               f"-artifact_prefix={findings}/{name}-", corpus, SEEDS / name]
    log = build / "findings" / f"{name}.log"
    with open(log, "wb") as output:
        ended = subprocess.run([str(word) for word in command], env={**os.environ, **OPTIONS}, stdout=output,
                               stderr=subprocess.STDOUT, check=False)
    return ended.returncode, log.read_text(encoding="utf-8", errors="replace")


def merge(build, name):
    """The corpus' inputs that reach what the seeds do not become seeds."""
    small = build / "small" / name
    small.mkdir(parents=True, exist_ok=True)
    for path in (build / "corpus" / name).iterdir():
        if path.stat().st_size <= MERGED_MAX_BYTES:
            (small / path.name).write_bytes(path.read_bytes())
    subprocess.run([str(build / "tests/fuzz" / f"fuzz_{name}"), "-merge=1", str(SEEDS / name), str(small)],
                   env={**os.environ, **OPTIONS}, stderr=subprocess.DEVNULL, check=True)


def describe(name, status, said):
    """One line for people."""
    numbers = {key: int(value) for key, value in STATISTIC.findall(said)}
    coverage = COVERAGE.findall(said)
    verdict = "no finding" if status == 0 else f"FINDING, exit status {status}"
    return (f"{name}: {numbers.get('number_of_executed_units', 0):,} inputs, {coverage[-1] if coverage else 0} branches, "
            f"{numbers.get('peak_rss_mb', 0)} MiB: {verdict}")


def main():
    """The command line."""
    names = sorted(path.name for path in SEEDS.iterdir())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-fuzz")
    parser.add_argument("--target", default="", help=f"one of {', '.join(names)}; all without it")
    parser.add_argument("--seconds", type=int, default=1800, help="for each target")
    parser.add_argument("--merge", action="store_true")
    options = parser.parse_args()
    if options.target and options.target not in names:
        parser.error(f"there is no target {options.target}")

    build = Path(options.build).resolve()
    targets = [options.target] if options.target else names
    build_targets(build, targets)
    bad = 0
    for name in targets:
        status, said = run_target(build, name, options.seconds)
        print(describe(name, status, said), flush=True)
        bad += status != 0
        if options.merge and status == 0:
            merge(build, name)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
