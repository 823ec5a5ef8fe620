"""What a page found in somebody's code as SARIF 2.1.0, at its file and line, for code scanning."""

import json
from collections.abc import Iterator

from claimbench.reports.pages.page import Page, Rule, ShownFinding, SourceLine

MOST_RESULTS = 100


def render(page: Page) -> str:
    """The SARIF file; without findings an empty list of results, which closes earlier alerts."""
    driver = {
        "name": "claimbench",
        "version": page.version,
        "rules": [_described(rule) for rule in page.rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(page))[:MOST_RESULTS],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _described(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.short},
        "fullDescription": {"text": rule.full},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": "warning"},
    }


def _results(page: Page) -> Iterator[dict[str, object]]:
    """What has a line of code under one of the page's rules: code scanning shows nothing else."""
    places = {rule.id: place for place, rule in enumerate(page.rules)}
    for check in page.cases:
        if check.source and check.rule in places:
            yield _result(check, check.source, places[check.rule])


def _result(check: ShownFinding, source: SourceLine, rule: int) -> dict[str, object]:
    place = {
        "artifactLocation": {"uri": source.file, "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": source.line},
    }
    # The line moves with every edit above it; the place and the words of the SQL do not.
    fingerprint = f"{source.file}:{source.function}:{source.statement[:120]}"
    return {
        "ruleId": check.rule,
        "ruleIndex": rule,
        "level": "warning",
        "message": {"text": check.reason},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"name": source.function, "kind": "function"}],
            }
        ],
        "partialFingerprints": {"claimbench/v1": fingerprint},
    }
