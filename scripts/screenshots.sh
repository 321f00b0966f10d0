#!/usr/bin/env bash
# Pictures of a report as people see it, for docs/images and for the eyes of whoever changes the page: light, dark
# and on a phone. Makes a run of all roles first where none is named, writes its report, and has headless Chromium
# take the pictures. Each shows the page from its top, as high as it is up to a limit.
# `scripts/screenshots.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
usage: scripts/screenshots.sh [--output=docs/images] [--height=N] [RUN_FOLDER...]

Writes report-light.png, report-dark.png and report-phone.png, each below 300 KB where pngquant is
installed. Without RUN_FOLDER four ranks run inputs/fashion_mnist.cfg first, in runs/screenshots.

--height: most pixels of a picture; default 3200
environment: PODIUM  the executable; default build/release/podium

Exit code 77 and a word where there is no Chromium.
TEXT
}

podium=${PODIUM:-$root/build/release/podium}
output=$root/docs/images
most=3200
runs=()
for argument in "$@"; do
  case $argument in
    -h | --help)
      usage
      exit 0
      ;;
    --output=*) output=${argument#*=} ;;
    --height=*) most=${argument#*=} ;;
    -*) fail 2 "unknown option '$argument'; see --help" ;;
    *) runs+=("$argument") ;;
  esac
done
[[ $most =~ ^[1-9][0-9]{2,4}$ ]] || fail 2 "--height=$most: write a number of pixels from 100 to 99999"

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return 0
  done
  echo "SKIPPED: there is no Chromium here; on Debian: apt-get install chromium" >&2
  exit 77
}

# browse OPTIONS... PAGE: Chromium without a window, a profile or a network; what it prints besides is its own affair.
browse() {
  local options=(--headless --disable-gpu --hide-scrollbars --host-resolver-rules='MAP * ~NOTFOUND'
    --user-data-dir="$scratch/profile")
  if [ "$(id -u)" = 0 ]; then options+=(--no-sandbox); fi
  timeout 120 "$chromium" "${options[@]}" "$@" 2>/dev/null
}

# height_of PAGE WIDTH: of the whole page at that width, told by a copy that measures itself; the page forbids scripts.
height_of() {
  { sed 's/<meta[^>]*Content-Security-Policy[^>]*>//' "$1" && echo '<script>document.body.dataset.height = document.documentElement.scrollHeight</script>'; } \
    >"$scratch/measured.html"
  browse --window-size="$2,200" --dump-dom "$scratch/measured.html" | grep -o 'data-height="[0-9]*"' | tr -dc 0-9
}

# picture NAME WIDTH OPTIONS...
picture() {
  local name=$1 width=$2 height
  shift 2
  height=$(height_of "$page" "$width")
  [ -n "$height" ] || fail 70 "Chromium does not show $page"
  if [ "$height" -gt "$most" ]; then height=$most; fi
  browse "$@" --window-size="$width,$height" --screenshot="$scratch/$name.png" "$page" >/dev/null
  [ -s "$scratch/$name.png" ] || fail 70 "Chromium took no picture of $page"
  if command -v pngquant >/dev/null; then
    pngquant --force --strip --speed 1 --output "$scratch/$name.png" "$scratch/$name.png"
  fi
  cp "$scratch/$name.png" "$output/$name.png"
  say "$output/$name.png: $width x $height, $(($(stat -c %s "$output/$name.png") / 1000)) KB"
}

chromium=$(find_chromium)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ ${#runs[@]} = 0 ]; then
  runs=("$root/runs/screenshots")
  "$root/scripts/mpirun.sh" -n 4 "$podium" run "$root/inputs/fashion_mnist.cfg" --run.dir="${runs[0]}" --serve.port=0
fi
page=$scratch/report.html
"$podium" report "${runs[@]}" --report.output="$page" >/dev/null
mkdir -p "$output"
picture report-light 1200 --blink-settings=preferredColorScheme=1
picture report-dark 1200 --blink-settings=preferredColorScheme=0
picture report-phone 420 --blink-settings=preferredColorScheme=1
