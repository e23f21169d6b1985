#!/bin/sh
# What the build and the tests need from the system. Quiet and quick when all is there; else installs it (Debian, Ubuntu;
# as root or through sudo without a password), or prints the one command to run.
need='gcc make pkg-config libpng-dev libcjson-dev libpcre2-dev libsndfile1-dev check libopenblas0-pthread libfluidsynth3 timgm6mb-soundfont file'
have() {
    command -v "${CC:-cc}" >/dev/null && command -v file >/dev/null && pkg-config --exists libpng libcjson libpcre2-8 sndfile check 2>/dev/null &&
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q 'libopenblas\.so\.0'
}
have && exit 0
install="apt-get install -y --no-install-recommends $need"
if ! command -v apt-get >/dev/null; then
    echo "setup: some libraries are missing; wanted (Debian names): $need" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then sudo='sudo -n'; else
        echo "setup: some packages are missing; run:  sudo $install" >&2
        exit 1
    fi
fi
echo "setup: installing $need" >&2
{ DEBIAN_FRONTEND=noninteractive $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo $install; } >/tmp/triptych-setup.$$ 2>&1 ||
    { tail -n 5 /tmp/triptych-setup.$$ >&2; echo "setup: could not install; run:  sudo $install" >&2; exit 1; }
rm -f /tmp/triptych-setup.$$
have || { echo "setup: still incomplete after installing; wanted: $need" >&2; exit 1; }
