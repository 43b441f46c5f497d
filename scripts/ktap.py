"""Reads KTAP, and says what each kernel should have done."""

import os
import re
from typing import NamedTuple, Optional

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNELS = ("stock", "series")


class Result(NamedTuple):
    name: str
    ok: bool
    note: str


class Broken(Exception):
    """The KTAP is not that of a run that came to its end."""


class Entry(NamedTuple):
    """A result, or what is wrong with the file at this place, or neither; and the
    diagnostics since the entry before it"""
    level: int
    result: Optional[Result]
    skipped: bool
    has_subtests: bool
    problem: str
    diagnostics: list


def _line_level(line):
    return (len(line) - len(line.lstrip(" "))) // 4


def entries(path):
    """All entries of a file, in their order, whatever is wrong with it"""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\r\n") for line in file]
    planned, seen, diagnostics = {}, {}, []

    def entry(level=0, result=None, skipped=False, has_subtests=False, problem=""):
        own, diagnostics[:] = diagnostics[:], []
        return Entry(level, result, skipped, has_subtests, problem, own)

    if not lines or not lines[0].startswith("KTAP version 1"):
        yield entry(problem="no KTAP in it")
    for line in lines:
        level, text = _line_level(line), line.strip()
        if text.startswith("#"):
            diagnostics.append(text)
        if text.startswith("Bail out!"):
            yield entry(level, problem=text)
        plan = re.fullmatch(r"1\.\.(\d+)", text)
        if plan:
            good = level not in planned and int(plan[1]) != 0
            # What is said before a plan is about no test.
            yield entry(level, problem="" if good else f"a plan that cannot be: {text}")
            planned[level], seen[level] = int(plan[1]), 0
        match = re.fullmatch(r"(not )?ok (\d+) (.*?)(?: # (.*))?", text)
        if not match:
            continue
        if level not in planned:
            yield entry(level, problem=f"a result without a plan: {text}")
            # Once is enough.
            planned[level], seen[level] = None, 0
        seen[level] += 1
        if planned[level] is not None and int(match[2]) != seen[level]:
            yield entry(level, problem=f"result {seen[level]} is missing before: {text}")
            seen[level] = int(match[2])
        # In a guest of our own nothing may be missing: a skip is a failure.
        skipped = (match[4] or "").upper().startswith("SKIP")
        result = Result(match[3], not match[1] and not skipped, match[4] or "")
        has_subtests = level + 1 in planned
        if has_subtests:
            # The result of a program, whose tests have just been read
            if planned[level + 1] not in (None, seen[level + 1]):
                yield entry(level + 1, problem=f"{match[3]} gave {seen[level + 1]} results "
                                               f"of {planned[level + 1]}")
            del planned[level + 1], seen[level + 1]
        yield entry(level, result, skipped and not match[1], has_subtests)
    problems = [f"{seen[level]} results of {count}" for level, count in planned.items()
                if count not in (None, seen[level])]
    if lines and 0 not in planned:
        problems.append("no plan")
    for problem in problems:
        yield entry(problem=problem)
    yield entry()


def parse_programs(path):
    """(program, results of its tests that have no subtests), in their order; a program
    that was skipped as a whole has no results but its reason"""
    programs, results = [], []
    for level, result, skipped, has_subtests, problem, _ in entries(path):
        if problem:
            raise Broken(f"{path}: {problem}")
        if not result:
            continue
        if has_subtests and level == 0:
            programs.append((result.name, results))
            results = []
        elif has_subtests:
            continue
        elif level == 0 and not skipped:
            raise Broken(f"{path}: {result.name} gave no results")
        elif level == 0:
            programs.append((result.name, [result]))
        else:
            results.append(result)
    return programs


def parse(path):
    """The results of all tests that have no subtests, in their order."""
    results = [result for _, results in parse_programs(path) for result in results]
    names = [result.name for result in results]
    if not names or len(set(names)) != len(names):
        raise Broken(f"{path}: no test has run, or one twice")
    return results


def counts(result):
    """How many of how many runs were bad, if the result says so."""
    match = re.match(r"bad (\d+) of (\d+)", result.note)
    return (int(match[1]), int(match[2])) if match else None


def _expected_on_stock():
    """(pattern, how many runs must be bad, in how many tests)"""
    with open(os.path.join(TOP, "selftests/expected-on-stock"),
              encoding="utf-8") as file:
        return [line.split() for line in file
                if line.strip() and not line.startswith("#")]


def read_kernels(paths):
    """{kernel: results}, of the same tests, with all those that must fail"""
    runs = {kernel: parse(path) for kernel, path in zip(KERNELS, paths)}
    names = [result.name for result in runs["stock"]]
    if names != [result.name for result in runs["series"]]:
        raise Broken("the two kernels did not run the same tests")
    for pattern, _, number in _expected_on_stock():
        found = sum(bool(re.fullmatch(pattern, name)) for name in names)
        if found not in (0, int(number)):
            raise Broken(f"{found} tests like {pattern}, not {number}")
    if all(expectation("stock", name) == "none" for name in names):
        raise Broken("no test of the fix has run")
    return runs


def expectation(kernel, name):
    """'none', 'some' or 'all': the runs that must be bad"""
    if kernel == "stock":
        for pattern, how_many, _ in _expected_on_stock():
            if re.fullmatch(pattern, name):
                return how_many
    return "none"


def as_expected(kernel, result):
    """Whether the result is what the kernel must show"""
    expected = expectation(kernel, result.name)
    if expected == "none":
        return result.ok
    bad, runs = counts(result) or (0, 0)
    return not result.ok and 0 < bad and (bad == runs or expected == "some")
