#!/usr/bin/env python3
"""What drafts do to the speed of answers: `mica generate` with and without them, in turns.

Three tasks that repeat parts of their prompt (code, prose, a list) answered greedily, and one sampled at a temperature at
which hardly anything repeats. Prints median tokens/s without and with drafts, and whether the answers are the same.
"""

import argparse
import re
import statistics
import subprocess

CODE = '''import csv

class Item:
    def __init__(self, name, price, count):
        self.name = name
        self.price = price
        self.count = count

    def cost(self):
        return self.price * self.count

def read_items(path):
    items = []
    with open(path) as file:
        for row in csv.reader(file):
            items.append(Item(row[0], float(row[1]), int(row[2])))
    return items

def total(items):
    result = 0
    for item in items:
        result += item.cost()
    return result

def main():
    items = read_items("items.csv")
    print("Total:", total(items))
    for item in items:
        print(item.name, item.cost())

if __name__ == "__main__":
    main()
'''

PROSE = '''The old libary stood at the corner of Mill Street, where the river bends towards the harbour. Evry morning at seven
Mrs. Hadley unlocked its heavy oak door, hung her coat behind the desk and opened the shuters, so that the light fell on
the long rows of shelves. Children came in the afternoon to read about pirates, planets and dinosaurs; fishermen came when
the wind was to strong to go out, and looked up the tides and the weather of former years. Nobody remembered who had built
the house, but over the fireplace a brass plate said that books may be borowed by anyone who brings them back.
'''

LIST = "Name ten very different professions and say about each, in one sentence of its own, what a person does all day."

TASKS = {
    "code edit": ("Rewrite this Python file with the function `total` renamed to `sum_of_prices`. Print the whole file."
                  f"\n\n```python\n{CODE}```\n", []),
    "spelling": (f"Correct the spelling in this text and print all of it: {PROSE}", []),
    "list": (LIST, []),
    "nothing repeats": (LIST, ["--temp", "1.2", "--seed", "4"]),
}


def answer(options, prompt, flags):
    command = [*options.run.split(), options.mica, "generate", "--model", options.model, "--prompt", prompt]
    command += ["--max-tokens", str(options.tokens), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    speed = float(re.search(r"Generation: \d+ tokens, ([\d.]+)", done.stderr).group(1))
    drafts = re.search(r"Drafts: (\d+) of (\d+)", done.stderr)
    return speed, done.stdout, drafts.groups() if drafts else ("0", "0")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mica", default="build/release/bin/mica")
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--drafts", default="--ngram-draft-tokens 7", help="flags of the runs with drafts")
    parser.add_argument("--tasks", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--run", default="", help="a command that runs each measurement")
    options = parser.parse_args()
    for name in options.tasks:
        prompt, flags = TASKS[name]
        speeds = {False: [], True: []}
        answers = set()
        for _ in range(options.rounds):
            for drafted in (False, True):
                drafts = options.drafts.split() if drafted else ["--ngram-draft-tokens", "0"]
                speed, text, accepted = answer(options, prompt, [*flags, *drafts])
                speeds[drafted].append(speed)
                answers.add(text)
        plain, fast = statistics.median(speeds[False]), statistics.median(speeds[True])
        same = "same answer" if len(answers) == 1 else "DIFFERENT ANSWERS"
        print(f"{name:16} {plain:7.1f} {fast:7.1f}  {fast / plain:5.2f}  {accepted[0]} of {accepted[1]} accepted, {same}",
              flush=True)


if __name__ == "__main__":
    main()
