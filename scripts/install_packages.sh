#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing: install_packages.sh [test]
# "test" adds those that only the tests need. Works as root or with sudo, and does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
with_tests=${1:-}

wanted=$(sed 's/#.*//' packages.txt | awk -v tests="$with_tests" 'NF && ($2 != "test" || tests == "test") {print $1}')
missing=()
for package in $wanted; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "mica: to install ${missing[*]}, run this as root or install sudo" >&2; exit 1; }
  as_root=(sudo)
fi
echo "mica: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# A package that this release does not have (clang-19 on older ones) must not keep the others from being installed.
available=()
for package in "${missing[@]}"; do
  # A name that others mention is known to apt, but cannot be installed.
  policy=$(LC_ALL=C apt-cache policy "$package")
  if [[ $policy =~ Candidate:\ [^\(] ]]; then
    available+=("$package")
  else
    echo "mica: this system has no package $package; what needs it is skipped" >&2
  fi
done
[ ${#available[@]} -eq 0 ] ||
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${available[@]}" >/dev/null
