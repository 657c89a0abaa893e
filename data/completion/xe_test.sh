#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The bash completion of xe against an xe that answers from a script. Prints TAP.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# It records what it is asked and answers a few questions.
cat >"$scratch/xe" <<'XE'
#!/bin/bash
echo "$*" >>"$(dirname "$0")/asked"
while [[ $1 == -s || $1 == -u ]]; do shift 2; done
case "$*" in
'help --minimal --all') echo 'host-list,vbd-create,vdi-list,vm-list,vm-param-get,vm-param-list,vm-start,vm-export' ;;
'help vm-start')
    printf 'command name            : vm-start\n        reqd params     : \n'
    printf '        optional params : force, on, paused, <vm-selectors>\n'
    ;;
'help vbd-create') printf '        reqd params     : vm-uuid, device\n        optional params : vdi-uuid, sm-config:\n' ;;
'help vm-list') printf '        reqd params     : \n        optional params : params, database:, uuid, name-label, tags, tags:contains\n' ;;
'vm-list --minimal params=uuid') echo '1111,2222' ;;
'vm-list --minimal params=name-label') echo 'web,my vm\,1' ;;
'vdi-list --minimal params=uuid') echo '3333' ;;
'host-list --minimal params=name-label') echo 'alpha' ;;
'vm-list --minimal params=power-state') echo 'running,halted,running' ;;
'vm-param-get uuid=1111 param-name=platform') echo 'acpi: 1; nested: a: b' ;;
esac
XE
chmod +x "$scratch/xe"
PATH=$scratch:$PATH
# shellcheck source=/dev/null
source "$here/xe"

number=0
# check NAME LINE WANTED: the completions of LINE, joined by blanks.
check() {
    COMP_LINE=$2
    COMP_POINT=${#2}
    COMP_WORDBREAKS=$' \t\n"'\''><=;|&(:'
    _xe
    number=$((number + 1))
    if [[ "${COMPREPLY[*]}" == "$3" ]]; then
        echo "ok $number $1"
    else
        echo "not ok $number $1 # got '${COMPREPLY[*]}', wanted '$3'"
    fi
}

echo 1..20
check completes-commands 'xe vm-' 'vm-list vm-param-get vm-param-list vm-start vm-export'
check completes-help-topics 'xe help vb' 'vbd-create'
check completes-parameters 'xe vm-start ' '--force on= paused= vm= uuid= name-label= --minimal'
check completes-maps 'xe vbd-create sm' 'sm-config:'
check completes-uuids-of-the-class 'xe vm-start uuid=1' '1111'
check completes-uuids-of-other-classes 'xe vbd-create vdi-uuid=' '3333'
check completes-names-with-blanks-and-commas 'xe vm-start vm=' 'web my\ vm,1'
check completes-hosts 'xe vm-start on=' 'alpha'
check completes-fields 'xe vm-param-get param-name=' 'uuid name-label tags'
check completes-nothing-for-free-texts 'xe vm-start new-name-label=' ''
check completes-what-lists-filter-on 'xe vm-list power-state=' 'halted running'
check completes-fields-behind-a-comma 'xe vm-list params=uuid,na' 'uuid,name-label'
check leaves-out-what-is-given 'xe vm-start vm=web paused=true ' '--force on= uuid= name-label= --minimal'
check completes-keys-of-a-map 'xe vm-param-get uuid=1111 param-name=platform param-key=' 'acpi nested'
check completes-escaped-names 'xe vm-start vm=my\ v' 'my\ vm,1'
check completes-quoted-names 'xe vm-start vm="my v' 'my vm,1'
check completes-behind-quoted-names 'xe vm-start vm="my vm" pau' 'paused='
check completes-classes 'xe event-wait class=v' 'vdi vm'
check completes-commands-behind-options 'xe -s far host' 'host-list'
check passes-the-server-on 'xe -s far -u me vm-start uuid=2' '2222'
grep -qx -- '-s far -u me vm-list --minimal params=uuid' "$scratch/asked" || echo "Bail out! options were not passed on"
