#!/bin/sh
# Brings a fresh Debian 12 or Ubuntu machine to where `make certify` and `make test` run; does nothing when it is there.
# Without root (or sudo without a password) it says which packages are missing and sets up the in-process tier alone.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
venv=${ONECARD_VENV:-$here/.venv}
# What each is for: a Python with venv; the PC/SC daemon and its virtual readers; judges that we did not write;
# what pyscard is built with.
base="python3 python3-venv"
pcsc="pcscd vsmartcard-vpcd opensc pcsc-tools gcc libc6-dev python3-dev libpcsclite-dev pkg-config"
# The second database of the backend; without it its tests are reported as skipped.
database="postgresql"

missing() {
    for package in $1; do
        state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
        [ "$state" = "install ok installed" ] || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
    [ "${ONECARD_NO_ROOT:-}" = "" ] || return 1
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

tier=pcsc
# The distribution's own Python is built with profile-guided optimisation; one that was compiled by hand often is not, and is a
# quarter slower.
python=${ONECARD_PYTHON:-/usr/bin/python3}
if [ -z "${ONECARD_PYTHON:-}" ] && ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=python3
fi
wanted=$pcsc
# A Python that is not Debian's brings its own venv and headers.
"$python" -c 'import venv, ensurepip' 2>/dev/null || wanted="$base $wanted"
lack=$(missing "$wanted $database")
if [ -n "$lack" ]; then
    if can_be_root; then
        echo "安装系统软件包 / installing: $lack"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lack >/dev/null
    else
        echo "没有 root 权限，缺少软件包 / without root these packages are missing: $lack"
        echo "请执行 / run:  sudo apt-get install $lack"
        if [ -n "$(missing "$wanted")" ]; then
            tier=in-process
            echo "现在只运行进程内层；PC/SC 层将报告为未测试 / the in-process tier runs now; the PC/SC tier is reported as not tested"
        fi
        [ -z "$(missing "$database")" ] || echo "PostgreSQL 测试将报告为跳过 / the tests on PostgreSQL are reported as skipped"
    fi
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "需要 Python 3.11 或更高 / Python 3.11 or later is needed; set ONECARD_PYTHON to one" >&2
    exit 2
}

build=$("$python" -c 'import sys; print(sys.base_prefix, sys.version)')
stamp=$({ cat "$here/pyproject.toml" "$here/requirements.lock" "$here/requirements-pcsc.lock"; echo "$build"; } | cksum | tr -d ' ')-$tier
if [ "$(cat "$venv/.onecard-ready" 2>/dev/null || true)" != "$stamp" ]; then
    echo "准备 Python 环境 / preparing the Python environment: $venv"
    have=$("$venv/bin/python" -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null || true)
    [ "$have" = "$build" ] || "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "uv>=0.9"
    VIRTUAL_ENV=$venv "$venv/bin/uv" pip install -q --require-hashes -r "$here/requirements.lock"
    if [ "$tier" = pcsc ]; then
        VIRTUAL_ENV=$venv "$venv/bin/uv" pip install -q --require-hashes -r "$here/requirements-pcsc.lock"
    fi
    VIRTUAL_ENV=$venv "$venv/bin/uv" pip install -q --no-deps -e "$here"
    printf '%s' "$stamp" >"$venv/.onecard-ready"
fi
