#!/bin/sh
# Compares the speed of the checked-out source with that of another commit: builds both, measures them in turns, and
# counts instructions. Takes a few minutes besides the builds; ROUNDS and MILLIS change that.
set -eu
base=$1
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/base" "$base"
# The dashboard is not measured; both builds get the same files.
if [ -d ui/dist ]; then mkdir -p "$work/base/ui" && cp -r ui/dist "$work/base/ui/"; fi

# Builds what `cargo bench --bench load` would run, in a target directory, and prints its path.
load() {
    (cd "$1" && CARGO_TARGET_DIR=$2 cargo bench --locked --bench load --no-run --message-format=json) |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}
now=$(load . "$target")
# The other build has a target directory of its own, since Cargo does not distinguish two checkouts of one package; it
# starts with links to the dependencies.
if [ ! -d "$target/bench-base" ]; then
    mkdir -p "$target/bench-base"
    cp -al "$target/release" "$target/bench-base/release"
    find "$target/bench-base/release" \( -iname '*keywright*' -o -name 'load-*' -o -name '.cargo-lock' \) \
        -prune -exec rm -rf {} +
fi
before=$(load "$work/base" "$target/bench-base")

status=0
"$now" compare "$before" --rounds "${ROUNDS:-15}" --millis "${MILLIS:-400}" || status=1
cargo bench --locked --bench instructions || status=1
exit $status
