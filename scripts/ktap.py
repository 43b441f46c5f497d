"""Reads the KTAP of the guests, and says what each kernel should have done."""

import os
import re
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNELS = ("stock", "series")


class Result(NamedTuple):
    name: str
    ok: bool
    note: str


class Broken(Exception):
    """The KTAP is not that of a run that came to its end."""


def _line_level(line):
    return (len(line) - len(line.lstrip(" "))) // 4


def parse(path):
    """The results of all tests that have no subtests, in their order."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\r\n") for line in file]
    if not lines or not lines[0].startswith("KTAP version 1"):
        raise Broken(f"{path}: no KTAP in it")
    results, planned, seen, had_subtests = [], {}, {}, False
    for line in lines:
        level, text = _line_level(line), line.strip()
        if text.startswith("Bail out!"):
            raise Broken(f"{path}: {text}")
        plan = re.fullmatch(r"1\.\.(\d+)", text)
        if plan:
            planned[level], seen[level] = int(plan[1]), 0
        match = re.fullmatch(r"(not )?ok (\d+) (.*?)(?: # (.*))?", text)
        if not match:
            continue
        if level not in planned:
            raise Broken(f"{path}: a result without a plan: {text}")
        seen[level] += 1
        if int(match[2]) != seen[level]:
            raise Broken(f"{path}: result {seen[level]} is missing before: {text}")
        if level + 1 in planned:
            # The result of a program, whose tests have just been read
            if seen[level + 1] != planned[level + 1]:
                raise Broken(f"{path}: {match[3]} gave {seen[level + 1]} results "
                             f"of {planned[level + 1]}")
            del planned[level + 1], seen[level + 1]
            had_subtests = True
        else:
            results.append(Result(match[3], not match[1], match[4] or ""))
    for level, count in planned.items():
        if seen[level] != count:
            raise Broken(f"{path}: {seen[level]} results of {count}")
    if not had_subtests or not results:
        raise Broken(f"{path}: no test has run")
    return results


def counts(result):
    """How many of how many runs were bad, if the result says so."""
    match = re.match(r"bad (\d+) of (\d+)", result.note)
    return (int(match[1]), int(match[2])) if match else None


def _expected_on_stock():
    with open(os.path.join(TOP, "selftests/expected-on-stock"),
              encoding="utf-8") as file:
        return [line.split() for line in file
                if line.strip() and not line.startswith("#")]


def expectation(kernel, name):
    """'none', 'some' or 'all': the runs that must be bad"""
    if kernel == "stock":
        for pattern, how_many in _expected_on_stock():
            if re.fullmatch(pattern, name):
                return how_many
    return "none"


def as_expected(kernel, result):
    """Whether the result is what the kernel must show"""
    expected = expectation(kernel, result.name)
    if expected == "none":
        return result.ok
    bad, runs = counts(result) or (0, 0)
    return not result.ok and (bad == runs if expected == "all" else 0 < bad)
