#!/usr/bin/env bash
# Plays the demo unattended and reads its last line as a customer of it would: it must be JSON, and sound.
set -euo pipefail
out=$(mktemp)
trap 'rm -f "$out"' EXIT
cargo demo -- --once --json "$@" | tee "$out"
tail -n 1 "$out" | python3 -c '
import json, sys
account = json.loads(sys.stdin.read())
assert account["invariants_broken"] == 0, account
assert account["orders_captured"] >= 40, account
assert account["labels_duplicated"] == 0, account
for key in ("duplicates_refused", "malformed_kept", "fulfillments_handed_over", "fulfillments_rerouted",
            "cancels_accepted", "cancels_refused", "labels_printed", "events_synced", "wire_bytes"):
    assert account[key] > 0, (key, account)
print("demo:", "1 passed, 0 failed")
'
