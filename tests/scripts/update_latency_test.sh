#!/usr/bin/env bash
# bench/update_latency.py, short: clients ask a running job while versions replace each other, and no
# request fails. Bad options end it with the job's own message.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

latency() {
  python3 "$project/bench/update_latency.py" --podium="$build/podium" --models=10 --rate=100 \
    --connections=4 --arch='dense 8; relu; dense classes' --first-lr=1e-4 --lr-factor=2.2 "$@"
}

expect 0 '0 requests failed, 0 met an older version' latency
expect 1 'nowhere' latency --io.source=/nowhere
exit "$failures"
