#!/bin/sh
# Installs Holdfast from its npm package on a bare Debian machine and makes it the first server of a control plane.
#
#   sh install.sh [ha] [load-balancer-address=HOST:PORT] [taint-control-plane] [further words]
#
# ha                     a replicated store (etcd), so that more servers can join; run again with it to get there later
# load-balancer-address  an address in front of all servers; with ha asked for where a person sits at the terminal, and
#                        not needed: clients and agents know all servers and go to the next by themselves
# taint-control-plane    nodes on servers' machines take only services that tolerate it
# package=FILE           the package (default: holdfast-*.tgz beside this script)
# prefix=FOLDER          where npm installs it (default: npm's own)
# data=FOLDER name=NAME host=ADDRESS port=PORT     as the flags of holdfast server init
# no-units               systemd is not to start it
# no-init                install only: for a machine that joins with the command of holdfast join-script
set -eu

say() { printf 'install.sh: %s\n' "$1" >&2; }
fail() {
  say "$1"
  exit 1
}

usage() { sed -n '2,/^set -eu/p' "$0" | sed '$d; s/^# \{0,1\}//'; }

ha=no
taint=no
units=yes
init=yes
balancer=
package=
prefix=
data=
name=
host=
port=
for word in "$@"; do
  case $word in
    ha) ha=yes ;;
    taint-control-plane) taint=yes ;;
    load-balancer-address=*) balancer=${word#*=} ;;
    package=*) package=${word#*=} ;;
    prefix=*) prefix=${word#*=} ;;
    data=*) data=${word#*=} ;;
    name=*) name=${word#*=} ;;
    host=*) host=${word#*=} ;;
    port=*) port=${word#*=} ;;
    no-units) units=no ;;
    no-init) init=no ;;
    -h | --help | help)
      usage
      exit 0
      ;;
    *) fail "\"$word\" is no word of this script; see: sh install.sh help" ;;
  esac
done

here=$(dirname "$(readlink -f "$0")")
if [ -z "$package" ]; then
  for candidate in "$here"/holdfast-*.tgz; do
    if [ -f "$candidate" ]; then package=$candidate; fi
  done
fi
[ -n "$package" ] || fail "there is no package: put holdfast-VERSION.tgz beside this script, or give package=FILE"
[ -f "$package" ] || fail "there is no file $package"
package=$(readlink -f "$package")

# What is missing comes from Debian; services of these packages must not be started by their installation.
need_program() {
  program=$1
  shift
  command -v "$program" >/dev/null 2>&1 && return 0
  [ "$(id -u)" = 0 ] || fail "$program is missing; install $*, or run this as root"
  command -v apt-get >/dev/null 2>&1 || fail "$program is missing, and there is no apt-get to install $* with"
  say "installs $*"
  policy=/usr/sbin/policy-rc.d
  made_policy=no
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    made_policy=yes
  fi
  status=0
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2 || status=$?
  if [ $made_policy = yes ]; then rm -f $policy; fi
  [ $status = 0 ] || fail "$* could not be installed; see above"
}

need_program npm nodejs npm
need_program setpriv util-linux
if [ $ha = yes ]; then
  had_etcd=yes
  command -v etcd >/dev/null 2>&1 || had_etcd=no
  need_program etcd etcd-server
  # Holdfast starts a member of its own: the one that Debian's package would start is in its way.
  if [ $had_etcd = no ] && command -v systemctl >/dev/null 2>&1; then
    systemctl disable etcd.service >/dev/null 2>&1 || true
  fi
fi

say "installs $package"
if [ -n "$prefix" ]; then
  npm install --global --prefix "$prefix" --no-audit --no-fund --loglevel=error "$package" >&2
  holdfast=$prefix/bin/holdfast
else
  npm install --global --no-audit --no-fund --loglevel=error "$package" >&2
  holdfast=$(npm prefix --global)/bin/holdfast
fi
[ -x "$holdfast" ] || fail "the package was installed, but $holdfast is not there"
say "$("$holdfast" version) is at $holdfast"

if [ $init = no ]; then
  say "next, on a server: holdfast join-script --node, and its command here"
  exit 0
fi

if [ $ha = yes ] && [ -z "$balancer" ] && [ -t 0 ] && [ -t 2 ]; then
  printf 'address of the load balancer, HOST:PORT (empty: there is none): ' >&2
  read -r balancer || balancer=
fi

set -- server init
if [ $ha = yes ]; then set -- "$@" --ha; fi
if [ $taint = yes ]; then set -- "$@" --isolate; fi
if [ $units = no ]; then set -- "$@" --no-units; fi
if [ -n "$balancer" ]; then set -- "$@" --load-balancer "$balancer"; fi
if [ -n "$data" ]; then set -- "$@" --data "$data"; fi
if [ -n "$name" ]; then set -- "$@" --name "$name"; fi
if [ -n "$host" ]; then set -- "$@" --host "$host"; fi
if [ -n "$port" ]; then set -- "$@" --port "$port"; fi
exec "$holdfast" "$@"
