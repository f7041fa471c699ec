#!/usr/bin/env bash
# Installs what the build needs and the system lacks: cmake, libclang with its headers (for the
# bindings of llama.cpp). Says nothing when all is there.
set -eu

missing=()
command -v cmake >/dev/null || missing+=(cmake)
command -v c++ >/dev/null || missing+=(g++)
# Whether one of these files exists; a pattern without a match stands for itself.
any() { for file in "$@"; do [ -e "$file" ] && return 0; done; return 1; }
if ! any /usr/lib/llvm-*/lib/libclang.so* /usr/lib/llvm-*/lib/libclang-[0-9]*.so* \
    /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so* ||
  ! any /usr/lib/llvm-*/lib/clang/*/include/stdbool.h /usr/lib/clang/*/include/stdbool.h; then
  missing+=(libclang-dev)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing packages that the build needs: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "please install: cmake, a C++ compiler, libclang with its headers" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"
