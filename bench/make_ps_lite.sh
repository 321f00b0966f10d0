#!/usr/bin/env bash
# Makes build/peers/ps-lite/ps_lite_peer: ps-lite, as BytePS brings it along in its source package on
# PyPI, with bench/ps_lite/ps_lite_peer.cpp. ZeroMQ comes from the system, or from Debian's packages,
# which are unpacked beside it. A second call does nothing.
#
# Its receiving threads spin with a lock held, three of them on a machine, which makes two cores take turns of
# milliseconds. Here they hand the core over between two questions, and sleep 50 us when nothing comes.
#
# Usage: bench/make_ps_lite.sh          then: build/release/podium bench ps
#
# PYTHON names another interpreter than python3; PIP_INDEX_URL and the like are pip's own.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly folder=$PWD/build/peers/ps-lite
readonly package=byteps==0.2.5.post15
readonly python=${PYTHON:-python3}

fail() {
  printf 'make_ps_lite: %s; %s\n' "$1" "$2" >&2
  exit 69
}

if [ -x "$folder/ps_lite_peer" ]; then
  echo "build/peers/ps-lite is complete"
  exit 0
fi
mkdir -p "$folder"

# pip asks the package about itself, for which it needs wheel.
if ! ls "$folder"/byteps-*.tar.gz >/dev/null 2>&1; then
  "$python" -m venv --clear "$folder/venv" || fail "$python -m venv failed" "see its message above"
  "$folder/venv/bin/pip" install --quiet wheel setuptools ||
    fail "pip could not install wheel" "this needs a network or a mirror (PIP_INDEX_URL)"
  "$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --no-build-isolation \
    --dest "$folder" "$package" || fail "pip could not download $package" "see its message above"
fi
tar --extract --gzip --file "$(ls "$folder"/byteps-*.tar.gz)" --directory "$folder" --strip-components=1 \
  --wildcards '*/3rdparty/ps-lite/*'
readonly source=$folder/3rdparty/ps-lite

sed --in-place \
  -e 's/if (should_stop_ || zmq_msg_recv(zmsg, socket, tag) != -1) break;/if (should_stop_ || zmq_msg_recv(zmsg, socket, tag) != -1) { misses = 0; break; }/' \
  -e '/errno == EAGAIN) { \/\/ ZMQ_DONTWAIT/a\            ++misses;' \
  -e '/LOG(INFO) << "Start ZMQ recv thread";/a\    int misses = 0;' \
  "$source/src/zmq_van.h"
# The wait stands before the lock is taken.
sed --in-place '/void CallZmqRecvThread/,/^  }/ s/^          std::lock_guard<std::mutex> lk(mu_);/          if (misses > 300) { usleep(50); } else if (misses > 0) { sched_yield(); }\n&/' \
  "$source/src/zmq_van.h"
sed --in-place '1i #include <sched.h>\n#include <unistd.h>' "$source/src/zmq_van.h"

flags=()
if ! echo '#include <zmq.h>' | g++ -E -x c++ - >/dev/null 2>&1; then
  (cd "$folder" && apt-get download libzmq3-dev libzmq5 libpgm-5.3-0 libnorm1 libsodium23 >/dev/null 2>&1) ||
    fail "there is no zmq.h" "install ZeroMQ (Debian and Ubuntu: apt-get install libzmq3-dev)"
  for deb in "$folder"/*.deb; do dpkg-deb --extract "$deb" "$folder/zmq"; done
  readonly libraries=$folder/zmq/usr/lib/x86_64-linux-gnu
  cp --no-dereference "$libraries"/*.so* "$folder"
  flags=(-I"$folder/zmq/usr/include" -L"$folder" "-Wl,-rpath-link,$folder")
fi

g++ -std=c++17 -O3 -march=native -w -pthread -I"$source/include" -I"$source/src" "${flags[@]}" \
  bench/ps_lite/ps_lite_peer.cpp "$source/src/postoffice.cc" "$source/src/van.cc" "$source/src/customer.cc" \
  -lzmq -lrt -o "$folder/ps_lite_peer" || fail "ps-lite does not build" "see the compiler's message above"
echo "build/peers/ps-lite: $package"
