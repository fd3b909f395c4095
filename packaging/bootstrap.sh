#!/bin/sh
# Makes a fresh clone ready: system packages, npm packages, the build. What is there already is left alone.
# One word says what for: 'run' (where none is given), what hsmonger itself needs on a host; 'demo', a token and tools to look at it too;
# 'tests', also what only tests and benchmarks need: a directory, a KDC, what a Dogtag CA is made with.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'bootstrap: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v node >/dev/null || fail "Node.js is missing; install Node 20.19 or newer."
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' \
  || fail "Node $(node --version) is too old; install Node 20.19 or newer."

# Where root's programs are, for a user whose PATH lacks it.
PATH=$PATH:/usr/sbin:/sbin

level=${1:-run}
wanted() {
  case $level:$1 in
    run:run | demo:run | demo:demo | tests:*) true ;;
    *) false ;;
  esac
}
case $level in run | demo | tests) ;; *) fail "'$level' is not what this makes a clone ready for: say run, demo or tests." ;; esac

# What the package manager has installed, under whatever name: where it puts a file differs from one architecture to the next.
if command -v apt-get >/dev/null; then
  have=" $(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/([^)]*)//g; s/^installed //p' | tr ',\n' '  ') "
  installed() { case $have in *" $1 "*) true ;; *) false ;; esac; }
elif command -v dnf >/dev/null; then
  installed() { rpm -q --whatprovides "$2" >/dev/null 2>&1; }
else
  installed() { false; }
fi

# A program, or - for what is none; the Debian package it comes from, the Fedora/RHEL one; from which level on it is needed.
missing_deb='' missing_rpm=''
while read -r program deb rpm from; do
  wanted "$from" || continue
  # A program that somebody put there by other means will do.
  { [ "$program" != - ] && command -v "$program" >/dev/null 2>&1; } || installed "$deb" "$rpm" ||
    { missing_deb="$missing_deb $deb"; missing_rpm="$missing_rpm $rpm"; }
done <<'PROGRAMS'
getcert certmonger certmonger run
certutil libnss3-tools nss-tools run
runuser util-linux util-linux run
flock util-linux util-linux run
openssl openssl openssl run
g++ g++ gcc-c++ run
make make make run
python3 python3 python3 run
softhsm2-util softhsm2 softhsm demo
dbus-daemon dbus-daemon dbus-daemon demo
pkcs11-tool opensc opensc demo
p11tool gnutls-bin gnutls-utils tests
strace strace strace tests
ns-slapd 389-ds-base 389-ds-base tests
ldapsearch ldap-utils openldap-clients tests
ip iproute2 iproute tests
krb5kdc krb5-kdc krb5-server tests
kadmin.local krb5-admin-server krb5-server tests
kinit krb5-user krb5-workstation tests
debootstrap debootstrap debootstrap tests
curl curl curl tests
busctl systemd systemd tests
logger bsdutils util-linux tests
chromium chromium chromium tests
promtool prometheus golang-github-prometheus tests
p11-kit p11-kit p11-kit tests
- p11-kit-modules p11-kit-server tests
- monitoring-plugins-basic nagios-plugins tests
- python3-ipahealthcheck-core freeipa-healthcheck-core tests
- python3-pkg-resources python3-setuptools tests
- libfaketime libfaketime tests
- python3-ldap python3-ldap tests
- python3-cryptography python3-cryptography tests
- python3-pyasn1-modules python3-pyasn1-modules tests
swtpm swtpm swtpm tests
- libtss2-tcti-swtpm0 tpm2-tss tests
- libtpm2-pkcs11-1 tpm2-pkcs11 tests
- libengine-pkcs11-openssl openssl-pkcs11 tests
PROGRAMS

if [ -n "$missing_deb" ]; then
  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # a list of words
    install_packages() { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing_deb; }
    by_hand="sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing_deb"
  elif command -v dnf >/dev/null; then
    # shellcheck disable=SC2086 # a list of words
    install_packages() { dnf install -y -q $missing_rpm; }
    by_hand="sudo dnf install -y$missing_rpm"
  else
    fail "Please install these (Debian's names):$missing_deb"
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say "Some programs are missing. Run this once, then start again:"
    printf '%s\n' "$by_hand"
    exit 1
  fi
  say "installing$missing_deb"
  log=$(mktemp)
  install_packages >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail "installing packages failed"; }
  rm -f "$log"
fi

# Native addons build against the headers beside this node where there are some: downloading them is not always possible.
headers=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
if [ -z "${npm_config_nodedir:-}" ] && [ -e "$headers/include/node/node_api.h" ]; then export npm_config_nodedir="$headers"; fi

stamp="$(node -p process.versions.modules) $(cksum <package-lock.json)"
if [ "$(cat node_modules/.hsmonger-installed 2>/dev/null || true)" != "$stamp" ]; then
  # npm ci empties what node_modules leads to before it puts a directory in the link's place: other clones may use that.
  [ ! -L node_modules ] || fail "node_modules is a link, and npm ci would empty what it leads to; remove the link, or run npm ci there."
  say "npm ci (native addons are compiled: one to three minutes)"
  npm ci --no-audit --no-fund --loglevel=error >&2
  printf '%s\n' "$stamp" >node_modules/.hsmonger-installed
fi

# The executables name the interpreter that built them.
if [ "$(cat dist/.built 2>/dev/null || true)" != "$(node -p process.execPath)" ] ||
  [ -n "$(find src helpers dbus packaging/*.mjs packaging/*.sh package.json tsconfig.json node_modules/.hsmonger-installed -newer dist/.built -print -quit)" ]; then
  say "building"
  npm run --silent build >&2
fi
