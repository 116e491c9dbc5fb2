# Completion of ant for bash 3.2 and later.

_ant() {
    # The second argument is what Bash will replace: it breaks words at : and =, and COMP_WORDS also at @.
    local line=${COMP_LINE:0:$COMP_POINT} word=$2 current= candidate
    local IFS=$' \t\n'
    local -a typed
    read -r -a typed <<<"$line"
    case $line in
        *[[:space:]]) typed[${#typed[@]}]= ;;
    esac
    current=${typed[${#typed[@]} - 1]}
    local before=${current%"$word"}

    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        case $candidate in
            :files)
                local at=
                case $word in
                    @*) at=@ ;;
                esac
                while IFS= read -r candidate; do
                    local end=' '
                    if [ -d "$candidate" ]; then end=/; fi
                    case $candidate in
                        *[!A-Za-z0-9._/~+-]*) candidate=$(printf '%q' "$candidate") ;;
                    esac
                    COMPREPLY[${#COMPREPLY[@]}]=$at$candidate$end
                done < <(compgen -f -- "${word#@}")
                ;;
            *) COMPREPLY[${#COMPREPLY[@]}]="${candidate#"$before"} " ;;
        esac
    done < <("${typed[0]}" __complete "${typed[@]:1}" 2>/dev/null)
}

complete -o nospace -F _ant ant
