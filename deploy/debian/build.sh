#!/bin/sh
# Builds OUT/eqp_VERSION_ARCH.deb from a program: with manual pages, completions, the service and its user. Needs dpkg-deb only.
# The program must be static, because the package depends on no library. MAINTAINER is a name with a mail address.
#
# Usage: build.sh PROGRAM ARCH OUT
set -eu

main() {
    program=${1:?"usage: build.sh PROGRAM ARCH OUT"} arch=${2:?"usage: build.sh PROGRAM ARCH OUT"}
    out=${3:?"usage: build.sh PROGRAM ARCH OUT"}
    here=$(cd "$(dirname "$0")" && pwd)
    # A pre-release is older than its release: 1.2.0~rc.1.
    version=$("$here/../release/version.sh" | tr - '~')
    maintainer=${MAINTAINER:-"$(id -un) <$(id -un)@$(hostname)>"}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    umask 022
    mkdir -p "$out" "$work/package/DEBIAN"
    files
    documentation
    control
    package="$out/eqp_${version}_$arch.deb"
    # Ubuntu's default, zstd, is not known to older versions of Debian.
    dpkg-deb -Zxz --root-owner-group --build "$work/package" "$package" >&2
    echo "$package"
}

files() {
    put 755 "$program" usr/bin/eqp
    put 644 "$here/../systemd/eqp.service" usr/lib/systemd/system/eqp.service
    put 644 "$here/eqp.sysusers" usr/lib/sysusers.d/eqp.conf
    put 644 "$here/eqp.toml" etc/eqp/eqp.toml
}

documentation() {
    "$here/../release/extras.sh" "$program" "$work/extras"
    for page in "$work"/extras/man/*.1; do
        gzip -n -9 "$page"
        put 644 "$page.gz" "usr/share/man/man1/${page##*/}.gz"
    done
    put 644 "$work/extras/completions/eqp" usr/share/bash-completion/completions/eqp
    put 644 "$work/extras/completions/_eqp" usr/share/zsh/vendor-completions/_eqp
    put 644 "$work/extras/completions/eqp.fish" usr/share/fish/vendor_completions.d/eqp.fish
    put 644 "$here/copyright" usr/share/doc/eqp/copyright
    date=$(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")
    printf 'eqp (%s) stable; urgency=medium\n\n  * See CHANGELOG.md in the sources.\n\n -- %s  %s\n' \
        "$version" "$maintainer" "$date" >"$work/changelog"
    gzip -n -9 "$work/changelog"
    put 644 "$work/changelog.gz" usr/share/doc/eqp/changelog.gz
}

control() {
    cd "$work/package"
    for script in postinst prerm postrm; do put 755 "$here/$script" "DEBIAN/$script"; done
    echo /etc/eqp/eqp.toml >DEBIAN/conffiles
    find usr -type f -exec md5sum {} + >DEBIAN/md5sums
    cat >DEBIAN/control <<END
Package: eqp
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -k -s --exclude=DEBIAN . | cut -f 1)
Recommends: ca-certificates
Suggests: postgresql
Section: devel
Priority: optional
Description: release tool and callback receiver for the Adobe Commerce Marketplace
 Checks, uploads and submits extensions for Adobe Commerce (Magento), follows
 their reviews, and receives the callbacks of the Marketplace.
 .
 The receiver is a systemd service, which is not started on installation.
END
    cd "$OLDPWD"
}

# Copies a file into the package.
put() {
    install -D -m "$1" "$2" "$work/package/$3"
}

main "$@"
