#!/bin/sh
# Installs Wattboard from the folder that this script lies in, or takes it away again. May be run again and again.
#
#   ./install.sh [--prefix DIR]              the program, its man page and the unit; two files to edit
#   ./install.sh --uninstall [--prefix DIR]  takes these away; what was edited and remembered stays
#   ./install.sh --purge [--prefix DIR]      takes that away, too
#
# --prefix DIR    where the program and its man page go [default: /usr/local]
# $DESTDIR        what stands before every path, for packages; systemd is then told nothing
set -eu

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
here=$(cd "$(dirname "$0")" && pwd)
prefix=/usr/local
deed=install
while [ $# -gt 0 ]; do
    case "$1" in
    --prefix) [ $# -gt 1 ] || { usage >&2; exit 2; }; prefix=$2; shift ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --uninstall) deed=uninstall ;;
    --purge) deed=purge ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install.sh: what is $1?" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
case "$prefix" in
*[!A-Za-z0-9/._-]* | [!/]* | "")
    echo "install.sh: --prefix $prefix is not allowed; it must begin with / and have letters, digits and / . _ - only" >&2
    exit 2
    ;;
esac
dest=${DESTDIR:-}
bin=$prefix/bin/wattboard
man=$prefix/share/man/man1/wattboard.1
unit=/etc/systemd/system/wattboard.service
env=/etc/wattboard/wattboard.env
user=$unit.d/user.conf

# Is there a systemd to be told?
if [ -z "$dest" ] && [ -d /run/systemd/system ]; then tell() { systemctl "$@"; }; else tell() { :; }; fi

# Writes standard input to a file beside $1, then puts it in its place with mode $2: a running program keeps its own.
put() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    chmod "$2" "$1.new"
    mv -f "$1.new" "$1"
}

# The package, also one that was removed and not purged, has the same unit and the same edited files.
if [ -z "$dest" ] && [ "$deed" != uninstall ] && [ -e /var/lib/dpkg/info/wattboard.list ]; then
    echo "install.sh: the package wattboard is there, or what it left; take it away first (apt purge wattboard, which also deletes" \
        "what was edited in /etc/wattboard and remembered in /var/lib/wattboard)" >&2
    exit 1
fi

if [ "$deed" = install ]; then
    for file in wattboard wattboard.1 wattboard.service wattboard.env user.conf; do
        [ -f "$here/$file" ] || { echo "install.sh: $here/$file is missing" >&2; exit 1; }
    done
    put "$dest$bin" 755 <"$here/wattboard"
    put "$dest$man" 644 <"$here/wattboard.1"
    sed "s|/usr/bin/wattboard|$bin|" "$here/wattboard.service" | put "$dest$unit" 644
    # What was edited stays.
    [ -e "$dest$env" ] || put "$dest$env" 644 <"$here/wattboard.env"
    [ -e "$dest$user" ] || put "$dest$user" 644 <"$here/user.conf"
    tell daemon-reload
    tell enable --quiet wattboard
    tell try-restart wattboard
    cat <<TEXT
installed: $dest$bin
two lines are to be edited, if they are not yet:
    $env                         WATTBOARD_CONFIG=  the coordinator's config
    $user    User=              the owner of the site
then: systemctl daemon-reload && systemctl restart wattboard
TEXT
else
    if [ -e "$dest$unit" ]; then
        tell disable --quiet --now wattboard
        rm -f "$dest$unit"
    fi
    was=no
    [ ! -e "$dest$bin" ] || was=yes
    rm -f "$dest$bin" "$dest$man"
    # A folder that nothing else is in was made here.
    rmdir "$(dirname "$dest$man")" 2>/dev/null || :
    if [ "$deed" = purge ]; then
        rm -rf "$dest/etc/wattboard" "$dest$unit.d" "$dest/var/lib/wattboard"
    fi
    tell daemon-reload
    tell reset-failed wattboard 2>/dev/null || :
    case "$was" in
    yes) echo "taken away: $dest$bin" ;;
    no) echo "install.sh: there was no $dest$bin; with another --prefix at the installation it lies there" >&2 ;;
    esac
fi
