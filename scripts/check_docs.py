#!/usr/bin/env python3
"""Fails when something public of the arrays, networks and optimizers has no documentation: functions (each overload),
types and enumerations. A comment over several declarations is that of each of them (doxygen_filter.py).

    scripts/check_docs.py [build/docs/xml]

Reads what Doxygen found (make docs). Members of structures are what their structures' comments speak of.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

# What callers do not name, and the language models, whose pages are the commands'.
INTERNAL = ("mica::detail", "mica::nn::detail", "mica::distributed::detail", "mica::cpu", "mica::jinja", "mica::text", "mica::lm")


def is_internal(name):
    return "@" in name or any(name == prefix or name.startswith(prefix + "::") for prefix in INTERNAL)


def is_documented(element):
    return any(" ".join(element.find(part).itertext()).strip() for part in ("briefdescription", "detaileddescription"))


def place(element):
    location = element.find("location")
    return f"{location.get('file')}:{location.get('line')}" if location is not None else "?"


def undocumented(folder):
    """(name, place, line for a report) of everything public without a comment."""
    found = []
    for path in sorted(pathlib.Path(folder).glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        for compound in root.findall("compounddef"):
            name = compound.findtext("compoundname")
            if is_internal(name) or not (name == "mica" or name.startswith("mica::")):
                continue
            if compound.get("kind") in ("class", "struct") and compound.get("prot") == "public" and not is_documented(compound):
                found.append((name, f"{place(compound)}: {name}"))
            if compound.get("kind") != "namespace":
                continue
            members = [m for m in compound.iter("memberdef") if m.get("kind") in ("function", "enum", "typedef")]
            for member in members:
                if not is_documented(member):
                    full = f"{name}::{member.findtext('name')}"
                    found.append((full, f"{place(member)}: {full}{member.findtext('argsstring') or ''}"))
    return found


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs/xml")
    if not list(folder.glob("namespacemica*.xml")):
        sys.exit(f"{folder} has no documentation of mica: make docs")
    missing = undocumented(folder)
    for _, line in missing:
        print(line)
    if missing:
        sys.exit(f"{len(missing)} public names without documentation")


if __name__ == "__main__":
    main()
