#!/usr/bin/env bash
# Makes a Debian package of the statically linked program: packaging/debian.sh [PROGRAM [FOLDER]]
#
# PROGRAM is what `cargo static` made. The package goes to FOLDER (default: target/debian). The maintainer is whoever
# makes it, as git knows them, unless DEB_MAINTAINER says otherwise. The same program gives the same package.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-target/x86_64-unknown-linux-gnu/release/epr-build}
output=${2:-target/debian}
[ -x "$program" ] || { echo "there is no program at $program; make one with: cargo static" >&2; exit 2; }
maintainer=${DEB_MAINTAINER:-"$(git config user.name) <$(git config user.email)>"}
version=$("$program" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1000000000}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
install -D -m 755 "$program" "$root/usr/bin/epr-build"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/epr-build"
put() { mkdir -p "$(dirname "$root/$1")"; cat > "$root/$1"; }
"$program" generate man | gzip -9n | put usr/share/man/man1/epr-build.1.gz
"$program" generate bash | put usr/share/bash-completion/completions/epr-build
"$program" generate zsh | put usr/share/zsh/vendor-completions/_epr-build
"$program" generate fish | put usr/share/fish/vendor_completions.d/epr-build.fish
sed 's/{{ listen }}/127.0.0.1:8080/' 'templates/systemd/epr-build@.service' | put lib/systemd/system/epr-build@.service
gzip -9nc README.md | put usr/share/doc/epr-build/README.md.gz
put usr/share/doc/epr-build/epr-build.sample.yml < epr-build.sample.yml
put usr/share/doc/epr-build/copyright <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: epr-build

Files: *
Copyright: 2026 the authors of epr-build
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
TEXT
gzip -9n <<TEXT | put usr/share/doc/epr-build/changelog.gz
epr-build ($version) stable; urgency=medium

  * This version; its history is that of the source.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
# Linked statically on purpose: it shall run on any Linux and inside images. The unit runs as a dynamic user.
put usr/share/lintian/overrides/epr-build <<TEXT
epr-build: statically-linked-binary [usr/bin/epr-build]
epr-build: shared-library-lacks-prerequisites [usr/bin/epr-build]
epr-build: embedded-library *zlib*
TEXT
installed=$(du -sk --apparent-size "$root" | cut -f1)
put DEBIAN/control <<TEXT
Package: epr-build
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $installed
Section: net
Priority: optional
Description: static Elastic Package Registry from folders of packages
 Reads layered distributions of Elastic integration packages, merges them,
 precomputes every answer that Kibana asks for, zips the packages and writes a
 static tree that any web server can host, behind an air gap too. It can also
 serve that tree itself.
TEXT
(cd "$root" && find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) | put DEBIAN/md5sums
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$output"
package="$output/epr-build_${version}_$architecture.deb"
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >&2
echo "$package"
