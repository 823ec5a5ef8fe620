#!/usr/bin/env bash
# A pull request with a planted N+1 (a statement for each company), as the gate sees it: ends with exit code 0 when the gate turned red.
# usage: docs/planted-n-plus-one.sh [SCENARIO], from the repository's root, with claimbench on the PATH.
set -euo pipefail
scenario=${1:-smoke}
work=$(mktemp -d)
trap 'git worktree remove --force "$work/pull-request" 2>/dev/null || true; rm -rf "$work"' EXIT

git worktree add --quiet --detach "$work/pull-request" HEAD
code=0
claimbench run "$scenario" --out "$work/before" || code=$?
claimbench baseline save "$work/before" --file "$work/baseline.json"

python - "$work/pull-request/impl/claimbench/impl/optimized/__init__.py" <<'PLANT'
import pathlib, sys
file = pathlib.Path(sys.argv[1])
good, bad = "Grouping = Grouping.TOGETHER", "Grouping = Grouping.ONE_BY_ONE"
text = file.read_text()
assert text.count(good) == 1, "the line to plant at has moved: adapt this script"
file.write_text(text.replace(good, bad))
PLANT

roots=$(printf '%s:' "$work"/pull-request/{impl,loadgen,scenarios,reports})
PYTHONPATH=$roots claimbench run "$scenario" --out "$work/after" || code=$?
code=0
claimbench check "$work/after" --baseline "$work/baseline.json" --tiers counters || code=$?
if [ "$code" = 1 ]; then
  echo "the gate is red, as it must be"
else
  echo "the gate ended with $code and did not see the planted N+1" >&2
  exit 1
fi
