#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The bash completion of xenops against an xenops that answers from a script, and against the help of the real one. Prints TAP.
#
#   xenops_test.sh PROGRAM
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Its help is the real one.
cat >"$scratch/xenops" <<E2
#!/bin/bash
echo "\$*" >>"$scratch/asked"
while [[ \$1 == --socket ]]; do shift 2; done
case "\$*" in
--help) exec "$1" --help ;;
'list --quiet') printf 'demo\ndesk\nweb\n' ;;
'tasks --quiet') printf '1111\n2222\n' ;;
'call Query.query') echo '{"features":["qemu","Vm.start","Vm.stat","VBD.list"],"name":"xenopsd"}' ;;
esac
E2
chmod +x "$scratch/xenops"
PATH=$scratch:$PATH
# shellcheck source=/dev/null
source "$here/xenops"

number=0
# check NAME WANTED WORD...: the completions of the last word, joined by blanks.
check() {
    local name=$1 wanted=$2
    shift 2
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _xenops
    number=$((number + 1))
    if [[ "${COMPREPLY[*]}" == "$wanted" ]]; then
        echo "ok $number $name"
    else
        echo "not ok $number $name # got '${COMPREPLY[*]}', wanted '$wanted'"
    fi
}

echo 1..10
check completes-commands 'show start shutdown suspend' xenops s
check completes-commands-behind-options 'pause' xenops -q --socket /x pa
check completes-options '--paused' xenops start --pa
check completes-vms 'demo desk' xenops start de
check completes-nothing-behind-a-vm '' xenops start demo de
check completes-tasks '1111 2222' xenops cancel ''
check completes-methods 'Vm.start Vm.stat' xenops call Vm.
check completes-files "$scratch/asked" xenops add "$scratch/as"
check completes-sockets "$scratch/asked" xenops -s "$scratch/as"
check passes-the-socket-on 'web' xenops --socket /far start we
grep -qx -- '--socket /far list --quiet' "$scratch/asked" || echo "Bail out! the socket was not passed on"
