#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts the configuration files into /etc/xylem where there are none yet: an administrator's own stay as they are.
set -e
target="${DESTDIR}/etc/xylem"
mkdir -p "$target"
for file in "$@"; do
    [ -e "$target/${file##*/}" ] || install -m 0644 "$file" "$target/"
done
