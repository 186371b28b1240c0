#!/usr/bin/env bash
# Runs command $1 beside command $2. What $2 says is seen at once, what $1 says when it has ended, or at the end.
# Fails where either does, and then says which.
set -uo pipefail
said=$(mktemp)
bash -c "$1" >"$said" 2>&1 &
first=$!
trap 'kill $first 2>/dev/null; rm -f "$said"' EXIT
second=0
bash -c "$2" || second=$?
wait $first
first_status=$?
printf '\n%s:\n' "$1"
cat "$said"
failed=0
if [ $first_status -ne 0 ]; then echo "failed: $1" >&2; failed=1; fi
if [ $second -ne 0 ]; then echo "failed: $2" >&2; failed=1; fi
exit $failed
