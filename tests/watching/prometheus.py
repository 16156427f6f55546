"""Reads a file of counts as Prometheus does (the parser of `prometheus_client`), holds it to the rules of the format, and
prints the samples. Argument: the file."""

import json
import math
import sys

from prometheus_client.parser import text_string_to_metric_families


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        families = list(text_string_to_metric_families(file.read()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names), "a family stands there twice"
    samples = {}
    for family in families:
        assert family.type in ("counter", "gauge", "histogram"), (family.name, family.type)
        assert family.documentation, family.name
        for sample in family.samples:
            key = sample.name + json.dumps(sample.labels, sort_keys=True)
            assert key not in samples, f"{key} stands there twice"
            samples[key] = sample.value
        if family.type == "histogram":
            histogram(family)
    print(json.dumps({"samples": samples, "types": {family.name: family.type for family in families}}))


def histogram(family):
    rows = {}
    for sample in family.samples:
        labels = json.dumps({k: v for k, v in sample.labels.items() if k != "le"}, sort_keys=True)
        row = rows.setdefault(labels, {"buckets": []})
        if sample.name.endswith("_bucket"):
            row["buckets"].append((float(sample.labels["le"]), sample.value))
        else:
            row[sample.name.rsplit("_", 1)[1]] = sample.value
    for row in rows.values():
        bounds = [bound for bound, _ in row["buckets"]]
        counts = [count for _, count in row["buckets"]]
        assert bounds == sorted(bounds) and math.isinf(bounds[-1]), bounds
        assert counts == sorted(counts) and counts[-1] == row["count"], counts
        assert row["sum"] >= 0


main()
