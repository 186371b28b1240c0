#!/usr/bin/env bash
# Expected: a program that runs a circuit ends with the status it asks for: `sys.exit(3)` with 3, an exception that
#   nobody caught with 1, as Python documents.
# Happens: once a circuit has run in the process, encrypted or simulated, the process ends with 0, after
#   `sys.exit(3)` and after an exception that nobody caught. The traceback is printed as ever. `os._exit` keeps
#   its status, and so does a process that compiles and runs nothing.
# Who meets it: whoever runs circuits in a job that others judge by its status: a test run, a benchmark, a step
#   of CI, a worker under a supervisor. It fails, says so, and counts as passed.
# Seen with: concrete-python 2.10.0, Python 3.11.7, Debian 12 (x86-64); the same with torch 2.3.1 in full:
#     compile:          status 3
#     compile raise:    status 1
#     run:              status 0
#     run raise:        status 0
#     simulate:         status 0
#     expected: 3 1 3 1 3; seen: 3 1 0 0 0
# Here: no test runs a circuit in pytest's own process, which `tests/conftest.py` sees to; a benchmark judges a
#   process by its last line too.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export TMPDIR="$folder"
python3.11 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
    concrete-python==2.10.0 jsonpickle==4.1.1 networkx==3.6.1 numpy==1.26.4 scipy==1.17.1 \
    typing-extensions==4.12.2 z3-solver==4.13.0.0
# Concrete imports torch for its convolutions. Nothing here uses them: three names spare gigabytes.
echo "max_pool1d = max_pool2d = max_pool3d = None" > venv/lib/python3.11/site-packages/torch.py

cat > program.py <<'PYTHON'
import sys

from concrete import fhe

table = fhe.LookupTable([3, 1, 2, 0])
circuit = fhe.Compiler(lambda x: table[x], {"x": "encrypted"}).compile(range(4))
if "run" in sys.argv:
    assert circuit.encrypt_run_decrypt(1) == 1
if "simulate" in sys.argv:
    circuit.enable_fhe_simulation()
    circuit.simulate(1)
if "raise" in sys.argv:
    raise ValueError("nobody catches this")
sys.exit(3)
PYTHON

# Prints and remembers the status of the program with these arguments.
statuses=()
try() {
    local status=0
    venv/bin/python program.py "$@" 2> "$1.txt" || status=$?
    printf '%-17s status %s\n' "$*:" "$status"
    statuses+=("$status")
}

try compile
try compile raise
try run
try run raise
try simulate
seen="${statuses[*]}"
echo "expected: 3 1 3 1 3; seen: $seen"
case "$seen" in
    "3 1 0 0 0") ;;
    "3 1 3 1 3") echo "fixed: a program that ran a circuit ends with its own status"; exit 1 ;;
    *) echo "different: statuses are neither kept nor all lost after a run"; exit 1 ;;
esac
