# shellcheck shell=bash
# shellcheck disable=SC2154  # the tables are made from the schema and stand before this text
# Completion of `podium` in bash. Three tables: _podium_subjects [verb]="io nn", what must stand behind it;
# _podium_keys [verb]="train.lr model.*.lr", its options; _podium_values [key]="true false".

# Verbs, then a subject where the verb has some, then options and files.
_podium() {
  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} flag='' verb='' subject='' word
  # Bash cuts --key=value in three.
  if [ "$cur" = = ]; then
    flag=$before cur=
  elif [ "$before" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
    flag=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -z "$verb" ] && [[ " ${!_podium_keys[*]} " == *" $word "* ]]; then
      verb=$word
    elif [ -n "$verb" ] && [ -z "$subject" ] && [[ " ${_podium_subjects[$verb]} " == *" $word "* ]]; then
      subject=$word
    fi
  done
  COMPREPLY=()
  if [[ $flag == --* ]]; then
    _podium_value "$verb" "${flag#--}" "$cur"
  elif [[ $cur == -* ]]; then
    _podium_flag "$verb" "$cur"
  elif [ -z "$verb" ]; then
    mapfile -t COMPREPLY < <(compgen -W "${!_podium_keys[*]}" -- "$cur" | sort)
  elif [ -n "${_podium_subjects[$verb]}" ] && [ -z "$subject" ]; then
    mapfile -t COMPREPLY < <(compgen -W "${_podium_subjects[$verb]}" -- "$cur")
  else
    _podium_files "$cur"
  fi
}

_podium_flag() {
  local verb=$1 cur=$2 key name keys=() short=()
  if [ -z "$verb" ]; then
    mapfile -t COMPREPLY < <(compgen -W "--help --version" -- "$cur")
    return
  fi
  # A model's options, once its name is there; before that, their common beginning.
  name=
  if [[ $cur == --model.*.* ]]; then name=${cur#--model.} name=${name%%.*}; fi
  set -f
  for key in ${_podium_keys[$verb]}; do
    if [ -n "$name" ]; then
      keys+=("--${key/\*/$name}=")
    elif [[ $key == *\** ]]; then
      keys+=("--${key%%\**}")
    else
      keys+=("--$key=")
    fi
    if [[ $key == "$verb".* ]]; then short+=("--${key#"$verb".}="); fi
  done
  set +f
  mapfile -t COMPREPLY < <(compgen -W "--help --print-config ${keys[*]}" -- "$cur" | sort -u)
  # The section may be left out of the verb's own options.
  if [ ${#COMPREPLY[@]} = 0 ]; then mapfile -t COMPREPLY < <(compgen -W "${short[*]}" -- "$cur"); fi
  case ${COMPREPLY[0]-} in *= | *.) compopt -o nospace 2>/dev/null ;; esac
}

_podium_value() {
  local verb=$1 key=$2 cur=$3
  if [ -n "$verb" ] && [ -n "${_podium_values["$verb.$key"]-}" ]; then key=$verb.$key; fi
  if [[ $key == model.*.* ]]; then key="model.*.${key#model.*.}"; fi
  if [ -n "${_podium_values["$key"]-}" ]; then
    mapfile -t COMPREPLY < <(compgen -W "${_podium_values["$key"]}" -- "$cur")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

# Input files, and folders on the way to them; run folders too.
_podium_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -X '!*.cfg' -- "$1"; compgen -d -- "$1")
}

complete -F _podium podium
