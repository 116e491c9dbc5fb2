# Completion of ant for bash 3.2 and later.

_ant() {
    local line=${COMP_LINE:0:$COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} current= candidate
    local IFS=$' \t\n'
    local -a typed
    read -r -a typed <<<"$line"
    case $line in
        *[[:space:]]) typed[${#typed[@]}]= ;;
    esac
    current=${typed[${#typed[@]} - 1]}

    # Bash breaks words at : and = and replaces the last piece only.
    case $word in
        : | =) word= ;;
    esac
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
                    if [ -d "$candidate" ]; then candidate=$candidate/; else candidate="$candidate "; fi
                    COMPREPLY[${#COMPREPLY[@]}]=$at$candidate
                done < <(compgen -f -- "${word#@}")
                ;;
            *) COMPREPLY[${#COMPREPLY[@]}]="${candidate#"$before"} " ;;
        esac
    done < <("${typed[0]}" __complete "${typed[@]:1}" 2>/dev/null)
}

complete -o nospace -F _ant ant
