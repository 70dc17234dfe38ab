#!/bin/sh
# Is a module compiled wrongly? The test of nyala-reduce that docs/debugging.md shows. The pass under
# suspicion is nyala-share-rope-tables; the bug is planted: sed turns one pairing into the other.
# Exits with 1 if the module shows the bug, with 0 if not, or if it shows nothing at all.
nyala-opt "$1" --nyala-share-rope-tables 2>/dev/null |
  sed 's/nyala.rotate adjacent/nyala.rotate half/' >"$1.after"
nyala-interpret --compare "$1" "$1.after" --random-weights --dim rows=3 2>/dev/null |
  grep -q 'beyond tolerance'
found=$?
rm -f "$1.after"
[ $found -ne 0 ]
