#!/bin/sh
# Makes the plain tarball: packaging/tarball.sh BINARY OUT.tar.gz. The same binary and commit give the same bytes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
binary=$1
out=$2
name=$(basename "$out" .tar.gz)
when=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/$name"
install -m 755 "$binary" "$stage/$name/wattboard"
install -m 755 "$root/packaging/install.sh" "$stage/$name/install.sh"
for file in packaging/wattboard.1 packaging/systemd/wattboard.service packaging/wattboard.env packaging/user.conf \
    LICENSE README.md CHANGELOG.md; do
    install -m 644 "$root/$file" "$stage/$name/"
done
(cd "$root" && find docs config -type f ! -name '*.png') | while read -r file; do
    case "$file" in *.sh) mode=755 ;; *) mode=644 ;; esac
    install -D -m "$mode" "$root/$file" "$stage/$name/$file"
done
tar -C "$stage" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$when" -cf - "$name" |
    gzip -9n >"$out.new"
mv -f "$out.new" "$out"
