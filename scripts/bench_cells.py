"""Reads what the guests of scripts/bench have counted."""

import bisect
import collections
import os
from typing import NamedTuple


class Broken(Exception):
    """The files are not those of a run that came to its end."""


class Cell(NamedTuple):
    pages: int
    instructions: int
    locked: int
    figures: dict       # what else the guest says of it
    blocks: list        # (address, instructions, locked)


def _windows(path):
    """(repetitions, blocks) of what was counted between each two marks"""
    windows = []
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            try:
                if words[0] == "window":
                    windows.append((int(words[1]), []))
                else:
                    address, instructions, locked = words
                    windows[-1][1].append((int(address, 16), int(instructions), int(locked)))
            except (IndexError, ValueError):
                raise Broken(f"{path}: what is {line.strip()!r}?") from None
    return windows


def read_cells(directory, kernel):
    """{name: Cell}, in the order of the run"""
    windows = _windows(os.path.join(directory, f"{kernel}.counts"))
    with open(os.path.join(directory, f"{kernel}.cells"), encoding="ascii") as file:
        lines = [line.rstrip("\r\n").split("\t") for line in file]
    if not lines or len(lines) != len(windows):
        raise Broken(f"{kernel}: {len(lines)} cells, {len(windows)} counts")
    cells = {}
    for line, (repetitions, blocks) in zip(lines, windows):
        try:
            pages, clock, name, *figures = line
            figures = {key: int(value) for key, _, value in
                       (figure.partition("=") for figure in figures)}
            pages, clock = int(pages), int(clock)
        except ValueError:
            raise Broken(f"{kernel}: what is {line}?") from None
        instructions = sum(block[1] for block in blocks)
        # Two ways to count; what lies between the marks and the clock is not much.
        if abs(instructions + repetitions - clock) > clock // 500 + 100:
            raise Broken(f"{kernel}: {name}: {instructions} instructions and {repetitions} "
                         f"repetitions counted, {clock} by the clock")
        if name in cells:
            raise Broken(f"{kernel}: {name} is there twice")
        cells[name] = Cell(pages, instructions, sum(block[2] for block in blocks), figures,
                           blocks)
    return cells


def read_symbols(path):
    """The functions of a System.map, as sorted lists of addresses and of names"""
    with open(path, encoding="ascii") as file:
        entries = sorted((int(address, 16), name) for address, kind, name in
                         (line.split() for line in file) if kind in "tTwW")
    return [entry[0] for entry in entries], [entry[1] for entry in entries]


def by_symbol(cell, symbols):
    """{function: [instructions, locked]} of a cell"""
    addresses, names = symbols
    counts = collections.defaultdict(lambda: [0, 0])
    for address, instructions, locked in cell.blocks:
        index = bisect.bisect_right(addresses, address) - 1
        name = names[index] if address >= 1 << 63 and index >= 0 else "(program)"
        counts[name][0] += instructions
        counts[name][1] += locked
    return counts
